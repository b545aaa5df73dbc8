import { readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { Ajv2020, type AnySchemaObject, type ValidateFunction } from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import { type Operation, readOperations, SPECIFICATION } from './specification.ts';

const FORMATS: Readonly<Record<string, RegExp>> = {
  'mx-user-id': /^@[^:]*:.+$/,
  'mx-event-id': /^\$.+$/,
  'mx-room-id': /^!.+$/,
  'mx-room-alias': /^#[^:]*:.+$/,
  'mx-server-name': /^[^/\s]+$/,
  'mx-mxc-uri': /^mxc:\/\/[^/]+\/[\w-]+$/,
  'mx-unpadded-base64': /^[A-Za-z0-9+/]*$/,
  'mx-urlsafe-unpadded-base64': /^[A-Za-z0-9_-]*$/,
  uri: /^[a-z][a-z0-9+.-]*:/i,
  email: /^.+@.+$/,
};

/** Where a body does not fit its schema, in words. */
type Check = (body: unknown) => string[];

interface OpenApi {
  readonly servers: readonly [{ readonly variables: { readonly basePath: { readonly default: string } } }];
  readonly paths: Record<string, Record<string, { readonly responses: Record<string, unknown> }>>;
}

/** The specification's own schemas for what clients and other servers are answered, and for the events in it. */
export class ResponseSchemas {
  readonly #root = path.join(SPECIFICATION ?? '', 'data');
  readonly #operations =
    SPECIFICATION === undefined
      ? []
      : [...readOperations('endpoints-client.tsv'), ...readOperations('endpoints-federation.tsv')];
  readonly #checks = new Map<string, Promise<ValidateFunction | undefined>>();
  readonly #ajv = new Ajv2020({
    strict: false,
    allErrors: true,
    validateSchema: false,
    validateFormats: true,
    formats: { ...FORMATS, int64: true, int32: true, float: true },
    loadSchema: async (uri) => prepared(parse(readFileSync(new URL(uri), 'utf8')), uri),
  });

  /** The specification's row for a route of ours, whose parameters may have other names. */
  operation(method: string, route: string): Operation | undefined {
    const wanted = route.replaceAll(/\{\w+\}/g, '{}');
    return this.#operations.find(
      (operation) => operation.method === method && operation.path.replaceAll(/\{\w+\}/g, '{}') === wanted,
    );
  }

  /** Undefined where the specification has no schema for this status. */
  async response(operation: Operation, status: number): Promise<Check | undefined> {
    const file = path.join(this.#root, 'api', operation.api, operation.module);
    const document = parse(readFileSync(file, 'utf8')) as OpenApi;
    const base = document.servers[0].variables.basePath.default;
    // Two operations of one path are told apart by a space at its end.
    const key = Object.keys(document.paths).find(
      (known) => `${base}${known}`.trim() === operation.path && document.paths[known]?.[operation.method.toLowerCase()],
    );
    const pointer = ['paths', key ?? '', operation.method.toLowerCase(), 'responses', String(status)];
    const content = [...pointer, 'content', 'application/json', 'schema'];
    return await this.#check(document, file, content);
  }

  /** Undefined where the specification has no schema for this type of event. */
  async event(type: string, variant: string | undefined): Promise<Check | undefined> {
    const folder = path.join(this.#root, 'event-schemas/schema');
    for (const name of [variant === undefined ? undefined : `${type}$${variant}`, type]) {
      const file = path.join(folder, `${name}.yaml`);
      const text = name === undefined ? undefined : readIfThere(file);
      if (text !== undefined) return await this.#check(parse(text), file, []);
    }
    return undefined;
  }

  async #check(document: unknown, file: string, pointer: readonly string[]): Promise<Check | undefined> {
    let at = document as Record<string, unknown> | undefined;
    for (const step of pointer) at = at?.[step] as Record<string, unknown> | undefined;
    if (at === undefined) return undefined;
    const fragment = pointer.map((step) => encodeURIComponent(step.replaceAll('~', '~0').replaceAll('/', '~1')));
    const reference = `${pathToFileURL(file)}#${pointer.length === 0 ? '' : `/${fragment.join('/')}`}`;
    let compiled = this.#checks.get(reference);
    if (compiled === undefined) {
      compiled = this.#ajv.compileAsync({ $ref: reference });
      this.#checks.set(reference, compiled);
    }
    const validate = await compiled;
    return (body) => {
      if (validate === undefined || validate(body) === true) return [];
      return (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message}`);
    };
  }
}

/**
 * A file as the validator needs it: references are relative to the file, whichever way one comes to them, and `oneOf` means
 * "one of these forms", though an answer may fit several (an event is an object too).
 */
function prepared(node: unknown, file: string): AnySchemaObject {
  if (typeof node !== 'object' || node === null) return node as never;
  if (Array.isArray(node)) return node.map((child) => prepared(child, file)) as never;
  return Object.fromEntries(
    Object.entries(node).map(([key, child]) => {
      if (key === '$ref' && typeof child === 'string') return [key, new URL(child, file).href];
      return [key === 'oneOf' ? 'anyOf' : key, prepared(child, file)];
    }),
  );
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined; // Not a type of the specification.
  }
}
