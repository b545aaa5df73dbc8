import Type, { type TSchema } from 'typebox';

/** A string of at most `maxLength` characters: every string of a route's schema is bounded (A7.8). */
export function boundedString(maxLength: number) {
  return Type.String({ maxLength });
}

/** An identifier: user, room, event, device, alias. Its grammar is checked by `protocol/identifiers.ts`. */
export const Identifier = boundedString(255);

/** Any JSON object, whose keys the route does not interpret. */
export const AnyObject = Type.Record(Type.String(), Type.Unknown());

/** Where in a schema a string without a bound hides, or undefined where there is none. */
export function unboundedString(schema: TSchema, where = ''): string | undefined {
  const node = schema as Record<string, unknown>;
  if (node.type === 'string' && node.maxLength === undefined && node.const === undefined && node.enum === undefined)
    return where === '' ? '/' : where;
  for (const [key, value] of Object.entries(node)) {
    if (typeof value !== 'object' || value === null || key === 'const' || key === 'enum') continue;
    const found = unboundedString(value as TSchema, `${where}/${key}`);
    if (found !== undefined) return found;
  }
  return undefined;
}
