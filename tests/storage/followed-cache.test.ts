import { expect, test } from 'vitest';
import { FollowedCache } from '../../server/src/storage/followed-cache.ts';
import type { LogRow } from '../../server/src/storage/log-follower.ts';

/** A cache of texts by user, and what tells it of rows of the log. */
function open(capacity = 100) {
  let tell: (rows: readonly LogRow[]) => void = () => {};
  let position = 1;
  const follower = {
    position: () => position,
    onRows(listener: typeof tell) {
      tell = listener;
      return () => {};
    },
  };
  const cache = new FollowedCache<string>(follower, {
    capacity,
    keyOf: ({ kind, userId }) => (kind === 'account_data' ? userId : null),
    sizeOf: (text) => text.length,
  });
  const changed = (userId: string | null, kind: LogRow['kind'] = 'account_data') =>
    tell([{ position, kind, roomNid: null, userId, ref: null }]);
  const read = (key: string, text: string) =>
    cache.read(
      key,
      async () => text,
      (loaded) => loaded,
    );
  const get = (key: string) => cache.get(key, position);
  const follow = (to: number) => {
    position = to;
  };
  return { cache, changed, read, get, follow };
}

test('what was read is kept until the log has a row about it', async () => {
  const { changed, read, get } = open();
  expect(await read('@ana:x', 'one')).toBe('one');
  changed('@ben:x');
  changed('@ana:x', 'receipt');
  changed(null);
  expect(get('@ana:x')).toBe('one');
  changed('@ana:x');
  expect(get('@ana:x')).toBeUndefined();
});

test('what was read while the log had news is answered and not kept', async () => {
  const { cache, changed, get } = open();
  const answer = await cache.read(
    '@ana:x',
    async () => {
      changed('@ana:x');
      return 'old';
    },
    (loaded) => loaded,
  );
  expect(answer).toBe('old');
  expect(get('@ana:x')).toBeUndefined();
});

test('a part of what was read can be kept', async () => {
  const { cache, get } = open();
  const load = async () => ({ name: 'ana', rooms: 3 });
  expect(await cache.read('@ana:x', load, ({ name }) => name)).toEqual({ name: 'ana', rooms: 3 });
  expect(get('@ana:x')).toBe('ana');
});

test('what was used longest ago goes when the sizes exceed the capacity', async () => {
  const { read, get } = open(10);
  await read('@ana:x', '1234');
  await read('@ben:x', '1234');
  await read('@cat:x', '1234');
  expect(['@ana:x', '@ben:x', '@cat:x'].map(get)).toEqual([undefined, '1234', '1234']);
});

test('nothing is known of a position that this process has not seen of the log', async () => {
  const { cache, read, follow } = open();
  await read('@ana:x', 'one');
  expect(cache.get('@ana:x', 2)).toBeUndefined();
  follow(2);
  expect(cache.get('@ana:x', 2)).toBe('one');
});
