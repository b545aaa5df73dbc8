import { createHash } from 'node:crypto';
import type { Pdu } from '../../../server/src/protocol/event.ts';
import { redactEvent } from '../../../server/src/protocol/redaction.ts';
import type { RoomVersion } from '../../../server/src/protocol/room-versions.ts';
import type { SigningKey } from '../../../server/src/protocol/signing.ts';

const TOKEN = /"raw:([^"]*)"/g;

/** A piece of JSON as it is to be written, for what no serialiser writes: `raw('1.0')`. */
export function raw(token: string): string {
  return `raw:${token}`;
}

/** JSON text with sorted keys, in which the `raw` tokens stand as they are. Nothing is checked. */
export function looseJson(value: unknown): string {
  const write = (part: unknown): string => {
    if (Array.isArray(part)) return `[${part.map(write).join(',')}]`;
    if (typeof part !== 'object' || part === null) return JSON.stringify(part) ?? 'null';
    const entries = Object.entries(part).filter(([, item]) => item !== undefined);
    entries.sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${write(item)}`).join(',')}}`;
  };
  return write(value).replaceAll(TOKEN, '$1');
}

/**
 * Hashes and signs what need not be an event at all, as somebody would who wants it taken for one. Apart from the redaction
 * it shares no code with the server.
 *
 * @returns the event as JSON text
 */
export function forge(template: object, version: RoomVersion, serverName: string, key: SigningKey): string {
  const { hashes: _, signatures: __, unsigned: ___, ...event } = template as Record<string, unknown>;
  const sha256 = createHash('sha256').update(looseJson(event)).digest('base64').replace(/=+$/, '');
  const hashed = { ...event, hashes: { sha256 } };
  const { signatures: ____, ...essential } = redactEvent({ ...hashed, signatures: {} } as unknown as Pdu, version);
  const signature = key.sign(Buffer.from(looseJson(essential)));
  return looseJson({ ...hashed, signatures: { [serverName]: { [key.keyId]: signature } } });
}
