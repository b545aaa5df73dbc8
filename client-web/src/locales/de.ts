const files = import.meta.glob<object>('./de/*.json', { eager: true, import: 'default' });

/** The texts by namespace, which is the name of the file. */
export const resources: Record<string, object> = Object.fromEntries(
  Object.entries(files).map(([path, texts]) => [path.slice('./de/'.length, -'.json'.length), texts]),
);
