import { expect, test } from 'vitest';
import { createSetupToken } from '../../server/src/users/setup.ts';
import { accountServer } from '../harness/account-server.ts';
import { testDatabase } from '../harness/test-database.ts';

const db = await testDatabase();
const server = await accountServer(db.url, { policy: 'closed' });
const complete = (token: string, username: string) =>
  server.call('POST', '/_parley/setup', { body: { token, username, password: 'a good password' } });
const isOpen = async () => (await server.call('GET', '/_parley/setup')).json;

test('without a token the set-up is not open', async () => {
  expect(await isOpen()).toEqual({ open: false });
  expect((await complete('nonsense', 'admin')).json.errcode).toBe('M_FORBIDDEN');
});

test('of all set-up links of all starts exactly one makes the first administrator, once', async () => {
  const tokens = [await createSetupToken(db, server.clock), await createSetupToken(db, server.clock)] as string[];
  expect(await isOpen()).toEqual({ open: true });
  const attempts = [tokens[0], tokens[1], tokens[0], tokens[1]].map((token, i) =>
    complete(token as string, `admin${i}`),
  );
  const answers = await Promise.all(attempts);
  expect(answers.map((answer) => answer.status).sort()).toEqual([200, 403, 403, 403]);
  const winner = answers.find((answer) => answer.status === 200)?.json;
  expect(winner).toEqual({
    user_id: expect.any(String),
    device_id: expect.any(String),
    access_token: expect.any(String),
  });
  const rows = await db.query('SELECT user_id FROM accounts WHERE is_admin');
  expect(rows).toEqual([{ user_id: winner.user_id }]);
  expect(await isOpen()).toEqual({ open: false });
});

test('there is no new token once there is an administrator', async () => {
  expect(await createSetupToken(db, server.clock)).toBeUndefined();
});
