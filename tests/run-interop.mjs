// `npm run test:interop`: installs a Synapse where there is none, then runs the tests with it. Arguments go to vitest.
import { provideSynapse } from './provide-synapse.mjs';

await provideSynapse();
process.argv.splice(2, 0, 'tests/interop');
await import('./run.mjs');
