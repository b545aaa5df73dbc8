/** Rooms as another implementation made them: kept as files, and checked against every rule that an event has to obey. */

import { expect } from 'vitest';
import { authorizeByAuthEvents } from '../../server/src/protocol/auth-rules.ts';
import { canonicalJson } from '../../server/src/protocol/canonical-json.ts';
import {
  authEventIds,
  type Event,
  type EventId,
  type EventReference,
  type Pdu,
  prevEventIds,
} from '../../server/src/protocol/event.ts';
import { checkEventFormat } from '../../server/src/protocol/event-format.ts';
import {
  essentialBytes,
  eventIdOf,
  referenceTo,
  roomIdOf,
  verifyContentHash,
} from '../../server/src/protocol/event-hashes.ts';
import { serversThatMustSign } from '../../server/src/protocol/event-signing.ts';
import type { JsonObject, JsonValue } from '../../server/src/protocol/json.ts';
import { parsePeerJson } from '../../server/src/protocol/json-parser.ts';
import { redactEvent, redactionTarget } from '../../server/src/protocol/redaction.ts';
import { type RoomVersion, roomVersions } from '../../server/src/protocol/room-versions.ts';
import { verifySignedBytes } from '../../server/src/protocol/signing.ts';

export interface RecordedRoom {
  readonly version: RoomVersion;
  /** Public keys by server and key id. */
  readonly keys: Record<string, Record<string, string>>;
  /** PDUs as they were sent, in any order. */
  readonly pdus: readonly JsonObject[];
}

/** A line about the room, then a line per event: numbers stay as they were sent. */
export function writeRoom({ version, keys, pdus }: RecordedRoom): string {
  return [{ version: version.id, keys }, ...pdus].map((line) => `${canonicalJson(line as JsonValue)}\n`).join('');
}

export function readRoom(text: string): RecordedRoom {
  const [about, ...pdus] = text
    .trim()
    .split('\n')
    .map((line) => parsePeerJson(line) as JsonObject);
  const version = roomVersions.get(String(about?.version));
  if (about === undefined || version === undefined) throw new Error('the file says no room version');
  return { version, keys: about.keys as RecordedRoom['keys'], pdus };
}

/** Expects every event to have the form, id, hashes and signatures of its room version, and to be allowed by what it cites. */
export async function checkRoom({ version, keys, pdus }: RecordedRoom): Promise<void> {
  const events = new Map<EventId, Event>();
  const redacted = new Set(pdus.map((pdu) => redactionTarget(pdu as Pdu, version)));
  for (const value of pdus) {
    const form = checkEventFormat(value, version);
    if (!form.ok) throw new Error(`${form.reason} ${canonicalJson(value)}`);
    const { pdu } = form;
    const eventId = eventIdOf(pdu, version);
    events.set(eventId, { eventId, roomId: roomIdOf(pdu, eventId), pdu });
    // What has been redacted is sent without its content.
    expect(verifyContentHash(pdu), `content hash of ${form.json}`).toBe(!redacted.has(eventId));
    for (const server of serversThatMustSign(pdu, version)) {
      const verification = await verifySignedBytes(
        essentialBytes(pdu, version),
        pdu.signatures,
        server,
        (id) => keys[server]?.[id],
      );
      expect(verification, `signature of ${form.json}`).toEqual({ ok: true });
    }
    expect(eventIdOf(redactEvent(pdu, version), version)).toBe(eventId);
  }
  const create = [...events.values()].find(({ pdu }) => pdu.type === 'm.room.create');
  for (const event of events.values()) {
    const { pdu } = event;
    // That they are found shows that their ids are what the other implementation takes them for.
    for (const id of [...prevEventIds(pdu), ...authEventIds(pdu)]) expect([...events.keys()]).toContain(id);
    const cited = authEventIds(pdu).map((id) => events.get(id) as Event);
    for (const [index, reference] of pdu.auth_events.entries())
      if (!isWithoutHash(reference)) expect(reference).toEqual(referenceTo(cited[index] as Event, version));
    const authEvents = cited.map((one) => ({ event: one, rejected: false }));
    const signers = new Set(Object.keys(pdu.signatures));
    expect(authorizeByAuthEvents(event, version, { authEvents, create, signers })).toEqual({ allowed: true });
  }
}

/** Synapse leaves out the hashes of some events that it has not made itself. */
function isWithoutHash(reference: EventReference): boolean {
  return typeof reference !== 'string' && Object.keys(reference[1]).length === 0;
}
