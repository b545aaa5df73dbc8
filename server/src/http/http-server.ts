import { randomBytes } from 'node:crypto';
import type { ServerOptions as TlsOptions } from 'node:https';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { unrecognized } from '../protocol/errors.ts';
import { enforceBodyDeadline } from './body-deadline.ts';
import { matrixErrorFor, sendError } from './error-reply.ts';
import { PathTable } from './path-table.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route reads its body as a stream. */
    isStream?: boolean;
  }
}

/** The part of a pino logger that is used here. */
export interface HttpLogger {
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface HttpServerOptions {
  readonly logger: HttpLogger;
  /** CIDRs of the proxies whose `X-Forwarded-For` is believed; none where empty. */
  readonly trustProxy: readonly string[];
  /** Cross-origin headers on API paths, for web clients from elsewhere: on the client listener only. */
  readonly cors: boolean;
  /** Certificate and key of a TLS listener; plain HTTP where left out. */
  readonly tls?: TlsOptions;
}

/** How long requests under way may take once the server is stopping. */
const DRAIN_MS = 5_000;
const DEFAULT_BODY_LIMIT_BYTES = 1024 * 1024;
/** Twice what the longest legal identifier needs when every byte of it is percent-encoded. */
const MAX_PARAM_LENGTH = 1536;

/** Client-Server API, "Web Browser Clients"; `Retry-After` is exposed so that browsers can obey it. */
const CORS_HEADERS = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': 'GET, POST, PUT, DELETE, OPTIONS',
  'access-control-allow-headers': 'X-Requested-With, Content-Type, Authorization',
  'access-control-expose-headers': 'Retry-After, Content-Disposition',
};
/** For every answer of the API; media and the web client have a policy and caching of their own. */
const API_HEADERS = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
};

function pathOf(url: string): string {
  const end = url.indexOf('?');
  return end === -1 ? url : url.slice(0, end);
}

function isApiPath(url: string): boolean {
  return url.startsWith('/_matrix/') || url.startsWith('/.well-known/matrix/') || url.startsWith('/_synapse/');
}

/** Ids that no two requests share, in whatever process: random bytes and a number. Random bytes for each would cost more. */
function requestIds(): () => string {
  const prefix = randomBytes(8).toString('hex');
  let count = 0;
  return () => `${prefix}-${++count}`;
}

/** The query as lists of decoded values, in a null-prototype object: a repeated key is neither lost nor an array by surprise. */
function parseQuery(text: string): Record<string, string[]> {
  const query: Record<string, string[]> = Object.create(null);
  for (const [key, value] of new URLSearchParams(text)) {
    const values = query[key];
    if (values === undefined) query[key] = [value];
    else values.push(value);
  }
  return query;
}

/** Answers what is not HTTP at all, below the router. */
function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const [status, text] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? ['431 Request Header Fields Too Large', 'The request headers are too large.']
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? ['408 Request Timeout', 'The request took too long to arrive.']
        : ['400 Bad Request', 'The request is not valid HTTP.'];
  const body = JSON.stringify({ errcode: 'M_UNKNOWN', error: text });
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nAccess-Control-Allow-Origin: *\r\n` +
      `Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
  );
}

/**
 * A Fastify instance on which everything that its defaults get wrong for Matrix is settled once: long parameters, bodies as
 * raw bytes for our own parser, an errcode on every error, 405, CORS, slow senders, access logs without query strings.
 * Routes are added by `addClientRoutes`, `addFederationRoutes` and `addWebClient`.
 */
export function createHttpServer(options: HttpServerOptions): FastifyInstance {
  const app = Fastify({
    ...(options.tls === undefined ? {} : { https: options.tls as object }),
    logger: false,
    bodyLimit: DEFAULT_BODY_LIMIT_BYTES,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH, querystringParser: parseQuery },
    // Our one parser keeps `__proto__` as plain data; Fastify's never sees a body.
    onProtoPoisoning: 'ignore',
    onConstructorPoisoning: 'ignore',
    exposeHeadRoutes: false,
    keepAliveTimeout: 72_000,
    http: { headersTimeout: 20_000, requestTimeout: 0, connectionsCheckingInterval: 5_000 },
    // Requests that arrive on open connections while we drain are served, then the connection closes.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    trustProxy: options.trustProxy.length === 0 ? false : [...options.trustProxy],
    genReqId: requestIds(),
    clientErrorHandler: answerBrokenRequest,
    frameworkErrors(error, _request, reply) {
      if (options.cors) reply.headers(CORS_HEADERS);
      sendError(reply.headers(API_HEADERS), matrixErrorFor(error).shown);
    },
  }) as unknown as FastifyInstance;

  const paths = new PathTable();
  app.addHook('onRoute', (route) => {
    for (const method of [route.method].flat()) paths.add(method, route.url);
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  addGlobalHooks(app, options);

  app.setErrorHandler((error, request, reply) => {
    const { shown, isBug } = matrixErrorFor(error);
    if (isBug)
      options.logger.error({ requestId: request.id, route: request.routeOptions.url, err: error }, 'request failed');
    return sendError(reply, shown);
  });
  app.setNotFoundHandler((request, reply) => {
    const methods = paths.methodsFor(pathOf(request.url));
    if (methods.length === 0) return sendError(reply, unrecognized('Unrecognized request.'));
    return sendError(reply.header('allow', methods.join(', ')), unrecognized('Method not allowed.', 405));
  });
  return app;
}

function addGlobalHooks(app: FastifyInstance, options: HttpServerOptions): void {
  app.addHook('onRequest', (request, reply, done) => {
    enforceBodyDeadline(request.raw, request.routeOptions.config.isStream === true);
    reply.headers(API_HEADERS);
    if (options.cors && isApiPath(request.url)) {
      reply.headers(CORS_HEADERS);
      // Answered for every path and without looking at the route, as the spec asks.
      if (request.method === 'OPTIONS') return void reply.header('access-control-max-age', '86400').code(204).send();
    }
    done();
  });
  let isStopping = false;
  app.addHook('preClose', (done) => {
    isStopping = true;
    closeConnections(app);
    done();
  });
  // An answer that is given while we stop is the last one on its connection, or that would stay open.
  app.addHook('onSend', (_request, reply, _payload, done) => {
    if (isStopping) reply.header('connection', 'close');
    done();
  });
  // What fails in the middle of an answer can only cut it short: the client is told nothing, so the log is.
  app.addHook('onSend', (request, _reply, payload, done) => {
    if (payload instanceof Readable)
      payload.once('error', (err) => {
        options.logger.error({ requestId: request.id, route: request.routeOptions.url, err }, 'answer was cut short');
      });
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    options.logger.info(accessLogEntry(request, reply.statusCode, reply.elapsedTime), 'request');
    done();
  });
}

/**
 * Stopping waits for the connections. Those that become idle meanwhile are closed at once, and all others when the time is up:
 * a browser keeps some open on which it never sends anything.
 */
function closeConnections(app: FastifyInstance): void {
  const idle = setInterval(() => app.server.closeIdleConnections(), 50).unref();
  const all = setTimeout(() => app.server.closeAllConnections(), DRAIN_MS).unref();
  app.server.once('close', () => {
    clearInterval(idle);
    clearTimeout(all);
  });
}

/** Never the query string or a body: they may hold tokens. An unknown path is logged by its first characters. */
function accessLogEntry(request: FastifyRequest, status: number, elapsedMs: number): object {
  return {
    requestId: request.id,
    method: request.method,
    route: request.routeOptions.url ?? pathOf(request.url).slice(0, 120),
    status,
    ms: Math.round(elapsedMs),
    ip: request.ip,
    userId: request.requesterId,
  };
}
