/** Tests of auth rules as tables: a rule's number and gist, scenes that it lets pass and scenes that it refuses. */

import { describe, expect, it } from 'vitest';
import { authorize, authorizeByAuthEvents } from '../../server/src/protocol/auth-rules.ts';
import { type Authorization, authStateOf, type KnownEvent } from '../../server/src/protocol/authorization.ts';
import type { Event, ServerName } from '../../server/src/protocol/event.ts';
import type { JsonObject } from '../../server/src/protocol/json.ts';
import { type RoomSketch, TestRoom } from './room-builder.ts';

/** An event and the room whose state it is judged by. */
export interface Scene {
  room: TestRoom;
  event: Event;
  /** For rules about what the event cites: its auth events, who signed it, and its room's create event if not the usual. */
  cites?: { authEvents?: KnownEvent[]; signers?: ServerName[]; create?: Event | undefined };
}

export interface RuleCases {
  /** Number of the rule per room version; versions that are not named do not have it. */
  rule: Record<string, string>;
  gist: string;
  allowed: Record<string, (version: string) => Scene>;
  refused: Record<string, (version: string) => Scene>;
}

export const from10 = ['10', '11', '12'];

/** The rule's number in 12, and in 10 and 11, where rule 2 of 12 and its rule 10.4 do not exist. */
export function since10(number: string): Record<string, string> {
  const [top = '', second, ...rest] = number.split('.');
  const before12 = second !== undefined && top === '10' && Number(second) > 4 ? `${Number(second) - 1}` : second;
  const earlier = [Number(top) > 2 ? `${Number(top) - 1}` : top, before12, ...rest].filter(
    (part) => part !== undefined,
  );
  return { 10: earlier.join('.'), 11: earlier.join('.'), 12: number };
}

/** A membership event in a room like this one. */
export const memberScene =
  (
    sketch: RoomSketch,
    target: string,
    content: JsonObject,
    sender = target,
    change: (event: Event) => void = () => {},
  ) =>
  (version: string): Scene => {
    const room = new TestRoom(version, sketch);
    const event = room.member(target, content, sender);
    change(event);
    return { room, event };
  };

export function describeRule({ rule, gist, allowed, refused }: RuleCases): void {
  for (const [version, number] of Object.entries(rule)) {
    describe(`version ${version} rule ${number}: ${gist}`, () => {
      it.each(Object.entries(allowed))('allows %s', (_title, scene) => {
        expect(judge(scene(version))).toEqual({ allowed: true });
      });
      it.each(Object.entries(refused))('refuses %s', (_title, scene) => {
        expect(judge(scene(version))).toMatchObject({ allowed: false, rule: number });
      });
    });
  }
}

export function judge({ room, event, cites }: Scene): Authorization {
  if (cites === undefined) return authorize(event, room.version, authStateOf(room.state));
  return authorizeByAuthEvents(event, room.version, {
    authEvents: cites.authEvents ?? event.pdu.auth_events.map((id) => ({ event: room.find(id), rejected: false })),
    create: 'create' in cites ? cites.create : room.create,
    signers: new Set(cites.signers ?? []),
  });
}
