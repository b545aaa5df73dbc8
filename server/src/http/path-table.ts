/**
 * All paths that are served, to tell a wrong method on a known path (405) from an unknown path (404). Only asked once the
 * router has found nothing, so it may be simple.
 */
export class PathTable {
  readonly #paths = new Map<string, { segments: readonly string[]; methods: Set<string> }>();

  /** `pattern` in the router's notation: `/a/:param/b`. */
  add(method: string, pattern: string): void {
    const known = this.#paths.get(pattern) ?? { segments: pattern.split('/'), methods: new Set<string>() };
    known.methods.add(method);
    this.#paths.set(pattern, known);
  }

  /** Methods with which a path (without query string, still encoded) could be called. */
  methodsFor(path: string): string[] {
    const segments = path.split('/');
    const methods = new Set<string>();
    for (const known of this.#paths.values()) {
      const matches =
        known.segments.length === segments.length &&
        known.segments.every((pattern, i) => (pattern.startsWith(':') ? segments[i] !== '' : pattern === segments[i]));
      if (matches) for (const method of known.methods) methods.add(method);
    }
    return [...methods].sort();
  }
}
