import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';

/** Nothing inline, nothing from elsewhere but the homeservers that the user signs in to. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob: data:",
  "media-src 'self' blob:",
  "font-src 'self'",
  "connect-src 'self' http: https:",
  "worker-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  'trusted-types dompurify parley ProseMirrorClipboard',
].join('; ');

const YEAR_S = 365 * 24 * 60 * 60;

/**
 * Serves the built web client from `folder`: one exact route per file that is there now. Files below `assets/` carry a hash
 * of their content in their names and are cached for good; everything else is asked for again every time.
 */
export function addWebClient(app: FastifyInstance, folder: string): void {
  app.register(fastifyStatic, {
    root: folder,
    prefix: '/',
    wildcard: false,
    index: ['index.html'],
    dotfiles: 'ignore',
    cacheControl: false,
    setHeaders(reply, path) {
      reply.header('content-security-policy', CONTENT_SECURITY_POLICY);
      reply.header('cross-origin-opener-policy', 'same-origin');
      const isHashed = path.slice(folder.length).replaceAll('\\', '/').startsWith('/assets/');
      reply.header('cache-control', isHashed ? `public, max-age=${YEAR_S}, immutable` : 'no-cache');
    },
  });
}
