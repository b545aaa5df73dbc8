/** A path of the Server-Server API below `/_matrix/federation/`, each part escaped: `federationPath('v1', 'event', id)`. */
export function federationPath(...parts: string[]): string {
  return `/_matrix/federation/${parts.map(encodeURIComponent).join('/')}`;
}

type QueryValue = string | number | boolean | readonly string[] | undefined;

/** The path with a query; values that are undefined are left out, lists repeat their name. */
export function withQuery(path: string, query: Readonly<Record<string, QueryValue>>): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue;
    for (const item of Array.isArray(value) ? value : [value]) parameters.append(name, String(item));
  }
  return parameters.size === 0 ? path : `${path}?${parameters}`;
}
