import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { roomVersions } from '../../server/src/protocol/room-versions.ts';
import { checkRoom, readRoom, writeRoom } from './recorded-room.ts';

const FOLDER = new URL('./synapse-rooms/', import.meta.url);
const read = (version: string) => readFileSync(new URL(`${version}.jsonl`, FOLDER), 'utf8');

test('there is a room of every version that Synapse has made', () => {
  expect(readdirSync(FOLDER).sort()).toEqual([...roomVersions.keys()].map((version) => `${version}.jsonl`).sort());
});

test.each([...roomVersions.keys()])(
  'Synapse’s room of version %s: form, ids, hashes, signatures and auth rules',
  async (version) => {
    const room = readRoom(read(version));
    expect(room.version.id).toBe(version);
    await checkRoom(room);
    const types = new Set(room.pdus.map((pdu) => pdu.type));
    for (const type of ['m.room.create', 'm.room.member', 'm.room.power_levels', 'm.room.redaction', 'm.room.message'])
      expect(types).toContain(type);
  },
);

test.each([...roomVersions.keys()])('every event of the room of version %s is written as it was sent', (version) => {
  expect(writeRoom(readRoom(read(version)))).toBe(read(version));
});

test('the rooms before version 6 hold numbers that are not canonical, and their hashes cover them', () => {
  for (const version of ['1', '2', '3', '4', '5'])
    expect(read(version)).toContain('"big":9007199254740993,"body":"odd","float":1.5');
});
