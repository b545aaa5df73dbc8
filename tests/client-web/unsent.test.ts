import type { IEvent } from 'matrix-js-sdk';
import { expect, test } from 'vitest';
import { forgetUnsent, keepUnsent } from '../../client-web/src/matrix/unsent.ts';
import { createMemoryStore, type KeyValueStore } from '../../client-web/src/platform/key-value-store.ts';

const ana = { userId: '@ana:a', deviceId: 'PHONE' };

/** A tab of a login as the SDK sees it: what it read at its start, and what it keeps. */
function tab(storage: KeyValueStore, login = ana) {
  const store = {} as Parameters<typeof keepUnsent>[0];
  keepUnsent(store, storage, login);
  return {
    keep: (roomId: string, ...ids: string[]) => store.setPendingEvents(roomId, ids.map(message)),
    left: async (roomId: string) => (await store.getPendingEvents(roomId)).map((event) => event.txn_id),
  };
}

const message = (id: string): Partial<IEvent> => ({ event_id: `~!room:${id}`, txn_id: id });

test('what is unsent is there again after a reload, in its order and with its transaction ids', async () => {
  const storage = createMemoryStore();
  const before = tab(storage);
  await before.keep('!one:a', 'first', 'second');
  await before.keep('!two:a', 'third');
  const after = tab(storage);
  expect(await after.left('!one:a')).toEqual(['first', 'second']);
  expect(await after.left('!two:a')).toEqual(['third']);
  expect(await after.left('!three:a')).toEqual([]);
});

test('what a server has acknowledged is not kept, and nothing is left behind by the last', async () => {
  const storage = createMemoryStore();
  const store = {} as Parameters<typeof keepUnsent>[0];
  keepUnsent(store, storage, ana);
  await store.setPendingEvents('!one:a', [{ event_id: '$known', txn_id: 'first' }, message('second')]);
  expect(await tab(storage).left('!one:a')).toEqual(['second']);
  await store.setPendingEvents('!one:a', [{ event_id: '$known2', txn_id: 'second' }]);
  expect(storage.keys()).toEqual([]);
});

test('tabs of one login leave alone what the others are sending, and take over what was there when they began', async () => {
  const storage = createMemoryStore();
  const [one, other] = [tab(storage), tab(storage)];
  await one.keep('!one:a', 'from one');
  await other.keep('!one:a', 'from the other');
  expect(await tab(storage).left('!one:a')).toEqual(['from one', 'from the other']);
  const third = tab(storage);
  await one.keep('!one:a');
  expect(await tab(storage).left('!one:a')).toEqual(['from the other']);
  await third.keep('!one:a');
  expect(await tab(storage).left('!one:a')).toEqual([]);
});

test('another user or device never gets it, and signing out forgets it', async () => {
  const storage = createMemoryStore();
  await tab(storage).keep('!one:a', 'mine');
  for (const other of [
    { ...ana, userId: '@ben:a' },
    { ...ana, deviceId: 'LAPTOP' },
  ])
    expect(await tab(storage, other).left('!one:a')).toEqual([]);
  forgetUnsent(storage, ana);
  expect(await tab(storage).left('!one:a')).toEqual([]);
});
