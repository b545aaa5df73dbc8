import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';
import { contentSecurityPolicy } from './content-security-policy.ts';
import { leaveOutUnused } from './leave-out-unused.ts';

/**
 * Writes the policy into the built page, so that it holds whatever serves the files. The development server is left
 * alone: hot reloading needs inline scripts and styles.
 */
function strictContentSecurityPolicy(): Plugin {
  return {
    name: 'parley-content-security-policy',
    apply: 'build',
    transformIndexHtml: () => [
      {
        tag: 'meta',
        attrs: { 'http-equiv': 'Content-Security-Policy', content: contentSecurityPolicy },
        injectTo: 'head-prepend',
      },
    ],
  };
}

// The homeserver that the development server passes API calls to: PARLEY_HOMESERVER=http://localhost:8008 npx vite
const homeserver = process.env.PARLEY_HOMESERVER ?? 'http://localhost:8008';
const proxy = Object.fromEntries(
  ['/_matrix', '/_parley', '/.well-known'].map((path) => [path, { target: homeserver }]),
);

const rolldownOptions = {
  // Which plugin takes how long is of no use to who starts a server.
  checks: { bundlerTimings: false },
  treeshake: {
    // The SDK does not say so, but nothing in it acts by being imported: what we do not use can be left out.
    moduleSideEffects: [{ test: /node_modules\/matrix-(js-sdk|widget-api|events-sdk)\//, sideEffects: false }],
  },
};

export default defineConfig({
  root: import.meta.dirname,
  plugins: [react(), strictContentSecurityPolicy(), leaveOutUnused()],
  server: { proxy },
  preview: { proxy },
  css: { modules: { localsConvention: 'camelCaseOnly' } },
  build: {
    target: 'es2024',
    // Nothing is turned into data: URLs, so that fonts and images obey the policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1500,
    rolldownOptions,
  },
  worker: { format: 'es', rolldownOptions },
});
