import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vite';

const replacement = fileURLToPath(new URL('./src/matrix/unused-sdk-parts.ts', import.meta.url));

const unused: ReadonlySet<string> = new Set([
  './matrixrtc/MatrixRTCSessionManager.js',
  './models/MSC3089TreeSpace.js',
  './models/invites-ignorer.js',
  './oauth/index.js',
  './secret-storage.js',
  './sliding-sync-sdk.js',
  './webrtc/call.js',
  './webrtc/callEventHandler.js',
  './webrtc/groupCall.js',
  './webrtc/groupCallEventHandler.js',
  './webrtc/mediaHandler.js',
]);

/**
 * Keeps what we do not use of the Matrix SDK out of the bundle: its client imports everything. A module goes from the list
 * once something here needs it.
 */
export function leaveOutUnused(): Plugin {
  return {
    name: 'parley-leave-out-unused',
    apply: 'build',
    enforce: 'pre',
    resolveId(source, importer) {
      const isClient = importer?.endsWith('/matrix-js-sdk/lib/client.js') ?? false;
      return isClient && unused.has(source) ? replacement : null;
    },
  };
}
