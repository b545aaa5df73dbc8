import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { badJson, invalidParam, type MatrixError, missingParam } from '../protocol/errors.ts';
import { parseJsonBody } from './json-body.ts';
import { unboundedString } from './schemas.ts';

type SchemaNode = Record<string, unknown> & { properties?: Record<string, SchemaNode>; anyOf?: SchemaNode[] };

/** Refuses at boot a schema that would let strings of any length in (A7.8). */
export function requireBoundedStrings(route: string, schema: TSchema): void {
  const where = unboundedString(schema);
  if (where !== undefined) throw new Error(`${route}: the schema has a string without maxLength at ${where}`);
}

/**
 * Compiles a body schema. The result parses the raw bytes and answers the typed body, or throws: bytes that are not JSON are
 * `M_NOT_JSON`, a missing key of the body is `M_MISSING_PARAM`, anything else that does not fit is `M_BAD_JSON`. Nothing
 * is coerced, filled in or removed.
 */
export function compileBody(
  schema: TSchema,
  options: { parse: (bytes: Uint8Array) => unknown; isOptional: boolean },
): (bytes: Uint8Array | undefined) => unknown {
  const validator = Compile(schema);
  return (bytes) => {
    const isEmpty = bytes === undefined || bytes.length === 0;
    const body =
      isEmpty && options.isOptional ? Object.create(null) : parseJsonBody(bytes ?? new Uint8Array(), options.parse);
    if (!validator.Check(body)) throw bodyError(validator.Errors(body));
    return body;
  };
}

function bodyError(errors: { keyword: string; instancePath: string; message: string }[]): MatrixError {
  const missing = errors.find((error) => error.keyword === 'required' && error.instancePath === '');
  if (missing !== undefined) return missingParam(`The request body ${missing.message}.`);
  const first = errors[0];
  const where = first === undefined || first.instancePath === '' ? 'The request body' : `\`${first.instancePath}\``;
  return badJson(`${where} ${first?.message ?? 'does not have the expected form'}.`);
}

/** Compiles a query schema: see `RouteRequest.query` for how text becomes values. A missing key is `M_MISSING_PARAM`, a bad value `M_INVALID_PARAM`. */
export function compileQuery(schema: TSchema): (raw: Record<string, string[]>) => Record<string, unknown> {
  const validator = Compile(schema);
  const properties = Object.entries((schema as SchemaNode).properties ?? {});
  return (raw) => {
    const query: Record<string, unknown> = Object.create(null);
    for (const [name, property] of properties) {
      const values = raw[name];
      if (values !== undefined) query[name] = readValue(property, values);
    }
    if (validator.Check(query)) return query;
    const errors = validator.Errors(query);
    const missing = errors.find((error) => error.keyword === 'required');
    if (missing !== undefined) throw missingParam(`The query ${missing.message}.`);
    throw invalidParam(`The query parameter \`${errors[0]?.instancePath.slice(1)}\` ${errors[0]?.message}.`);
  };
}

/** Text that is not exactly an integer or a boolean stays text, which the schema then refuses. */
function readValue(schema: SchemaNode, values: string[]): unknown {
  if (schema.type === 'array') return values;
  const text = values[0] ?? '';
  if (schema.type === 'integer' && /^-?\d{1,15}$/.test(text)) return Number(text);
  if (schema.type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  return text;
}
