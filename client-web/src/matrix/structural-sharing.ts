/**
 * Returns `previous` when `next` is equal to it in every field, else a value in which the equal parts are those of
 * `previous`. For plain data (objects, arrays, primitives); what is no longer equal is taken from `next`.
 */
export function shareStructure<T>(previous: unknown, next: T): T {
  if (Object.is(previous, next)) return next;
  if (Array.isArray(previous) && Array.isArray(next)) return shareArray(previous, next) as T;
  if (isPlain(previous) && isPlain(next)) return shareObject(previous, next) as T;
  return next;
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shareArray(previous: unknown[], next: unknown[]): unknown[] {
  const shared = next.map((value, index) => shareStructure(previous[index], value));
  return shared.length === previous.length && shared.every((value, index) => value === previous[index])
    ? previous
    : shared;
}

function shareObject(previous: Record<string, unknown>, next: Record<string, unknown>): Record<string, unknown> {
  const keys = Object.keys(next);
  const shared = Object.fromEntries(keys.map((key) => [key, shareStructure(ownField(previous, key), next[key])]));
  const isSame =
    keys.length === Object.keys(previous).length &&
    keys.every((key) => Object.hasOwn(previous, key) && shared[key] === previous[key]);
  return isSame ? previous : shared;
}

/** Never what every object inherits: names of fields come from other people, and `__proto__` may be one. */
function ownField(object: Record<string, unknown>, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}
