import { Transform } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { invalidParam, MatrixError, tooLarge, unrecognized } from '../protocol/errors.ts';
import type { LongPolls } from './long-polls.ts';
import type { ClientRoute, FederationRoute, RouteRequest } from './route.ts';
import { compileBody, compileQuery, requireBoundedStrings } from './route-validation.ts';

type AnyRoute = ClientRoute | FederationRoute;

const DEFAULT_TIMEOUT_MS = 60_000;

/** The router's notation for a path of the spec: `{param}` becomes `:param`. */
export function routerPattern(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1');
}

/** Refuses at boot a route that leaves out what decides who may call it (design rule "routes fail closed"). */
export function requireFields(route: AnyRoute, names: readonly string[]): void {
  for (const name of names)
    if ((route as unknown as Record<string, unknown>)[name] === undefined)
      throw new Error(`${route.method} ${route.path} does not say \`${name}\``);
}

/** Refuses what no identifier can be: an empty path segment and a NUL, which Postgres has no text for. */
export function checkParams(route: AnyRoute, params: Record<string, string>): void {
  for (const [name, value] of Object.entries(params)) {
    if (value === '' && !route.emptyParams?.includes(name)) throw unrecognized('Unrecognized request.');
    if (value.includes('\0')) throw invalidParam(`\`${name}\` holds a NUL character.`);
  }
}

/** Compiles the route's schemas once and answers the function that reads a request by them. */
export function compileRoute(
  route: AnyRoute,
  parse: (bytes: Uint8Array) => unknown,
): (request: FastifyRequest, reply: FastifyReply, signal: AbortSignal) => RouteRequest {
  const label = `${route.method} ${route.path}`;
  const { query } = route;
  const body = route.body === 'stream' ? undefined : route.body;
  if (body !== undefined) requireBoundedStrings(label, body);
  if (query !== undefined) requireBoundedStrings(label, query);
  const readBody =
    body === undefined ? () => undefined : compileBody(body, { parse, isOptional: route.bodyOptional === true });
  const readQuery = query === undefined ? () => ({}) : compileQuery(query);
  return (request, reply, signal) => ({
    params: request.params as Record<string, string>,
    query: readQuery(request.query as Record<string, string[]>),
    body: readBody(request.body as Uint8Array | undefined),
    headers: request.headers,
    ip: request.ip,
    signal,
    stream: request.body as NodeJS.ReadableStream,
    reply,
  });
}

/** Lets at most `limitBytes` through, then fails with 413. */
export function limitStream(limitBytes: number): Transform {
  let seen = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      seen += chunk.length;
      if (seen > limitBytes) done(tooLarge('The request body is too large.'));
      else done(null, chunk);
    },
  });
}

interface Deadline {
  readonly timeoutMs?: number | undefined;
  readonly longPoll?: { readonly polls: LongPolls; readonly tokenId: number | undefined } | undefined;
}

/**
 * Runs a handler with a signal that is aborted when the client goes away or the route's time is up; then the answer is 503,
 * and what the handler still does is its own affair.
 *
 * @param longPoll given for a handler that is to end when the server stops, instead of being waited for, and when its session ends
 */
export async function runWithDeadline(
  reply: FastifyReply,
  { timeoutMs = DEFAULT_TIMEOUT_MS, longPoll }: Deadline,
  handle: (signal: AbortSignal) => Promise<unknown>,
): Promise<unknown> {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const timeUp = new MatrixError('M_UNKNOWN', 'The request took too long.', 503, { retry_after_ms: 5000 });
      controller.abort(timeUp);
      reject(timeUp);
    }, timeoutMs);
  });
  const onClose = () => controller.abort(new Error('The client went away.'));
  // The response closes with its connection; the request would already "close" when its body has been read.
  reply.raw.once('close', onClose);
  longPoll?.polls.add(controller, longPoll.tokenId);
  try {
    return await Promise.race([handle(controller.signal), deadline]);
  } finally {
    clearTimeout(timer);
    reply.raw.off('close', onClose);
    longPoll?.polls.delete(controller);
  }
}
