import { invalidParam } from '../protocol/errors.ts';
import type { JsonValue } from '../protocol/json.ts';
import { JsonRefusal, parseJson } from '../protocol/json-parser.ts';

/** JSON in a query parameter, such as `filter`. @throws MatrixError M_INVALID_PARAM */
export function queryJson(text: string | undefined, name: string): JsonValue | undefined {
  if (text === undefined) return undefined;
  try {
    return parseJson(text);
  } catch (error) {
    if (error instanceof JsonRefusal) throw invalidParam(`${name} is not JSON.`);
    throw error;
  }
}
