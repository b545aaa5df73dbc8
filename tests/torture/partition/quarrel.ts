import type { Person } from '../../harness/person.ts';
import type { SeededRandom } from '../random.ts';
import type { Side } from './side.ts';

/** What became of the events that one side has tried to add. */
export interface Quarrel {
  readonly acknowledged: readonly string[];
  /** Refused by the rules, as most things are that a banned member wants to do. */
  readonly refused: number;
}

/** Adds one event, or tries to. Answers its id, or undefined where the rules refuse it. */
type Act = (side: Side, roomId: string, random: SeededRandom, n: number) => Promise<string | undefined>;

let transactions = 0;

async function put(by: Person, roomId: string, path: string, content: unknown): Promise<string | undefined> {
  const { status, body } = await by.room('PUT', roomId, path, content);
  if (status === 200) return body.event_id as string;
  if (status === 403) return undefined;
  throw new Error(`${path}: ${status} ${JSON.stringify(body)}`);
}

async function say(by: Person, roomId: string, text: string): Promise<string | undefined> {
  return await put(by, roomId, `send/m.room.message/quarrel${transactions++}`, { msgtype: 'm.text', body: text });
}

/** The members' memberships are changed by all admins, each on its own side of the cut. */
async function changeMembership(by: Person, roomId: string, target: string, membership: string) {
  return await put(by, roomId, `state/m.room.member/${encodeURIComponent(target)}`, { membership });
}

/** The power levels as the side knows them, with another level for somebody or something. */
async function changePower(side: Side, roomId: string, target: string, random: SeededRandom) {
  const levels = await side.admin.roomOk('GET', roomId, 'state/m.room.power_levels/');
  const changed = random.pick([
    { ...levels, users: { ...levels.users, [target]: random.pick([0, 10, 50]) } },
    { ...levels, events_default: random.pick([0, 5]) },
    { ...levels, ban: random.pick([50, 60]), kick: random.pick([40, 50]) },
  ]);
  return await put(side.admin, roomId, 'state/m.room.power_levels/', changed);
}

/** Does what people do who do not know of each other: most of it is talk, and much of the rest contradicts the others. */
export async function quarrel(
  side: Side,
  members: readonly Person[],
  roomId: string,
  events: number,
  random: SeededRandom,
): Promise<Quarrel> {
  const acknowledged: string[] = [];
  let refused = 0;
  const state = (type: string, content: object) => put(side.admin, roomId, `state/${type}/`, content);
  const acts: Act[] = [
    ...Array.from({ length: 6 }, (): Act => (_side, _room, _random, n) => say(side.admin, roomId, `${side.name} ${n}`)),
    ...Array.from(
      { length: 3 },
      (): Act => (_side, _room, _random, n) => say(side.member, roomId, `${side.name}m ${n}`),
    ),
    (_side, _room, _random, n) => state('m.room.name', { name: `Named by ${side.name}, ${n}` }),
    (_side, _room, _random, n) => state('m.room.topic', { topic: `Set by ${side.name}, ${n}` }),
    () => state('m.room.join_rules', { join_rule: random.pick(['public', 'invite']) }),
    () => changePower(side, roomId, random.pick(members).userId, random),
    () => changeMembership(side.admin, roomId, random.pick(members).userId, random.pick(['ban', 'leave', 'leave'])),
    () => changeMembership(side.member, roomId, side.member.userId, 'join'),
    (_side, _room, _random, n) =>
      put(side.member, roomId, 'state/m.room.topic/', { topic: `Set by a member of ${side.name}, ${n}` }),
  ];
  for (let n = 0; acknowledged.length < events; n++) {
    const eventId = await random.pick(acts)(side, roomId, random, n);
    if (eventId === undefined) refused++;
    else acknowledged.push(eventId);
  }
  return { acknowledged, refused };
}
