/** Tests of auth rules as tables: a rule's number and gist, scenes that it lets pass and scenes that it refuses. */

import { describe, expect, it } from 'vitest';
import { authorize, authorizeByAuthEvents } from '../../server/src/protocol/auth-rules.ts';
import { type Authorization, authStateOf, type KnownEvent } from '../../server/src/protocol/authorization.ts';
import { authEventIds, type Event, type ServerName } from '../../server/src/protocol/event.ts';
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

export const allVersions = ['1', '2', '3', '4', '5', '6', '7', '8', '9', '10', '11', '12'];

/** The rule's number in each version from one to another, given its number in 12. */
export function inVersions(first: number, last: number, number: string): Record<string, string> {
  const versions = allVersions.slice(first - 1, last);
  return Object.fromEntries(versions.map((version) => [version, numberIn(Number(version), number)]));
}

export const since = (first: number, number: string) => inVersions(first, 12, number);

/** The same for rules that are numbered alike everywhere. */
export function alike(first: number, last: number, number: string): Record<string, string> {
  return Object.fromEntries(allVersions.slice(first - 1, last).map((version) => [version, number]));
}

function numberIn(version: number, number: string): string {
  if (version === 12) return number;
  const [top = 0, second, third, ...rest] = number.split('.').map(Number);
  if (top === 5) return memberRule(version, second, third, rest);
  if (top === 10)
    return [version >= 6 ? 9 : 10, powerLevelsPart(version, second), third, ...rest].filter(isNumber).join('.');
  // Versions 1 to 5 have no rule 2 but one for aliases; 6 to 11 have neither; 1 and 2 have one more before the last.
  const shifted = version >= 6 ? top - (top > 2 ? 1 : 0) : top - (top === 3 || top === 4 ? 1 : 0);
  return [version <= 2 && top === 11 ? 12 : shifted, second, third, ...rest].filter(isNumber).join('.');
}

/** Before 8 there are no rules 5.2 and 5.3.5, before 7 there is no 5.7. */
function memberRule(version: number, second = 0, third: number | undefined, rest: number[]): string {
  let [part, detail] = [second, third];
  if (version < 8) {
    if (second === 3 && third !== undefined && third > 5) detail = third - 1;
    if (second > 2) part--;
    if (version < 7 && second === 8) part--;
  }
  return [version >= 6 ? 4 : 5, part, detail, ...rest].filter(isNumber).join('.');
}

/** Before 12 there is no rule 10.4, before 10 there are no 10.1 and 10.2. */
function powerLevelsPart(version: number, part = 0): number {
  if (version >= 10) return part > 4 ? part - 1 : part;
  return part > 4 ? part - 3 : part - 2;
}

const isNumber = (part: number | undefined) => part !== undefined;

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

/** Which outcomes of which rules of which versions have cases: `12 5.3.1 allows`. */
export const casesOfRules = new Set<string>();

export function describeRule({ rule, gist, allowed, refused }: RuleCases): void {
  for (const [version, number] of Object.entries(rule)) {
    if (Object.keys(allowed).length > 0) casesOfRules.add(`${version} ${number} allows`);
    if (Object.keys(refused).length > 0) casesOfRules.add(`${version} ${number} refuses`);
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
    authEvents: cites.authEvents ?? authEventIds(event.pdu).map((id) => ({ event: room.find(id), rejected: false })),
    create: 'create' in cites ? cites.create : room.create,
    signers: new Set(cites.signers ?? []),
  });
}
