import { describe } from 'vitest';
import type { EventId, UserId } from '../../server/src/protocol/event.ts';
import type { JsonObject } from '../../server/src/protocol/json.ts';
import { creator, TestRoom } from './room-builder.ts';
import { describeRule, inVersions, memberScene, type Scene } from './rule-cases.ts';

const alice: UserId = '@alice:a.example';
const bob: UserId = '@bob:b.example';

describe('A1.8 rules for m.room.aliases in versions 1 to 5', () => {
  const aliases =
    (stateKey: string | undefined, sender: UserId = alice) =>
    (version: string): Scene => {
      const room = new TestRoom(version, { powerLevels: { state_default: 100 } });
      const key = stateKey === undefined ? {} : { state_key: stateKey };
      return { room, event: room.event({ type: 'm.room.aliases', sender, ...key, content: { aliases: [] } }) };
    };
  const rule = (number: string) => Object.fromEntries(['1', '2', '3', '4', '5'].map((version) => [version, number]));
  describeRule({
    rule: rule('4.1'),
    gist: 'aliases have a state key',
    allowed: { 'an event with one': aliases('a.example') },
    refused: { 'an event without': aliases(undefined) },
  });
  describeRule({
    rule: rule('4.2'),
    gist: "the state key is the sender's server",
    allowed: { 'that server': aliases('b.example', bob) },
    refused: {
      'another server': aliases('b.example'),
      'no server': aliases(''),
      'the sender': aliases(alice),
    },
  });
  describeRule({
    rule: rule('4.3'),
    gist: 'neither membership nor power is needed',
    allowed: { 'aliases of a stranger': aliases('b.example', bob) },
    refused: {},
  });
});

describe('A1.8 rules for m.room.redaction in versions 1 and 2', () => {
  const redaction =
    (powerLevels: JsonObject, redacts: EventId | undefined, eventId: EventId) =>
    (version: string): Scene => {
      const room = new TestRoom(version, { members: { [alice]: 'join' }, powerLevels });
      const target = redacts === undefined ? {} : { redacts };
      return { room, event: room.event({ type: 'm.room.redaction', sender: alice, ...target }, eventId) };
    };
  const rule = (number: string) => ({ 1: number, 2: number });
  const powerful = { redact: 50, users: { [alice]: 50 } };
  describeRule({
    rule: rule('11.1'),
    gist: 'a sender with the redact level redacts anything',
    allowed: { 'an event of another server': redaction(powerful, '$1:b.example', '$2:a.example') },
    refused: {},
  });
  describeRule({
    rule: rule('11.2'),
    gist: 'anybody redacts events of the same server',
    allowed: {
      'an event of the server': redaction({}, '$1:a.example', '$2:a.example'),
      'an event of a server with a port': redaction({}, '$1:a.example:8448', '$2:a.example:8448'),
    },
    refused: {},
  });
  describeRule({
    rule: rule('11.3'),
    gist: 'nobody else redacts',
    allowed: {},
    refused: {
      'a sender below the redact level': redaction({ ...powerful, redact: 51 }, '$1:b.example', '$2:a.example'),
      'an event of another port': redaction({}, '$1:a.example:8448', '$2:a.example'),
      'a redaction of nothing': redaction({}, undefined, '$2:a.example'),
      'ids without servers': redaction({}, '$1', '$2'),
    },
  });
  describeRule({
    rule: rule('8'),
    gist: 'the level of the event type is needed as well',
    allowed: { 'a sender who has it': redaction({ events_default: 0 }, '$1:a.example', '$2:a.example') },
    refused: { 'a sender who has not': redaction({ events_default: 1 }, '$1:a.example', '$2:a.example') },
  });
});

describe('A1.8 join_authorised_via_users_server before version 8', () => {
  const join = { membership: 'join', join_authorised_via_users_server: creator };
  describeRule({
    rule: inVersions(1, 7, '5.3.6'),
    gist: 'the key means nothing',
    allowed: {
      'a join that nobody else signed': (version) => ({
        ...memberScene({ joinRule: 'public' }, alice, join)(version),
        cites: { signers: ['a.example'] },
      }),
    },
    refused: {},
  });
});
