/** One of the eight name colours (`--hue-0` … `--hue-7`), the same for a user everywhere and on every visit. */
export function hueOf(id: string): number {
  // FNV-1a, 32 bit.
  let hash = 0x811c9dc5;
  for (let index = 0; index < id.length; index++) {
    hash = Math.imul(hash ^ id.charCodeAt(index), 0x01000193);
  }
  return (hash >>> 0) % 8;
}
