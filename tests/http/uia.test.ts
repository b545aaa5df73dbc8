import { expect, test } from 'vitest';
import { createUserInteractiveAuth, type UiaOperation, type UiaStage } from '../../server/src/http/uia.ts';
import { MatrixError } from '../../server/src/protocol/errors.ts';
import type { JsonObject } from '../../server/src/protocol/json.ts';
import { createUiaSessions } from '../../server/src/users/uia-sessions.ts';
import { testClock } from '../harness/test-clock.ts';
import { testDatabase } from '../harness/test-database.ts';

const db = await testDatabase();
const clock = testClock();
const uia = createUserInteractiveAuth({
  sessions: createUiaSessions(db, clock),
  checkPassword: async (name, password) => (password === 'right' ? { ok: true, userId: `@${name}:x` } : { ok: false }),
  findRegistrationToken: async (token) => (token === 'good' ? 7 : undefined),
});

const TOKEN = 'm.login.registration_token';
const DUMMY = 'm.login.dummy';
const PASSWORD = 'm.login.password';

type Outcome =
  | { done: true; close(): Promise<void> }
  | { done: false; session: string; completed?: string[]; errcode?: string };

async function attempt(auth: JsonObject | undefined, more: Partial<UiaOperation> = {}): Promise<Outcome> {
  const operation: UiaOperation = {
    name: 'POST /x',
    requester: undefined,
    body: auth === undefined ? { a: 1 } : { a: 1, auth },
    bodyMayChange: false,
    flows: [[TOKEN, DUMMY], [PASSWORD]] as UiaStage[][],
    ip: '192.0.2.1',
    ...more,
  };
  try {
    const proof = await uia.authorise(operation);
    return { done: true, close: proof.close };
  } catch (error) {
    if (!(error instanceof MatrixError)) throw error;
    expect(error.status).toBe(401);
    return { done: false, ...(error.body() as { session: string }) };
  }
}

async function open(more: Partial<UiaOperation> = {}): Promise<string> {
  const outcome = await attempt(undefined, more);
  if (outcome.done) throw new Error('done without authentication');
  return outcome.session;
}

test('the stages of a flow are completed in order, and the answers show which are', async () => {
  const session = await open();
  expect(await attempt({ type: TOKEN, token: 'good', session })).toMatchObject({
    done: false,
    session,
    completed: [TOKEN],
  });
  expect(await attempt({ type: TOKEN, token: 'bad', session })).toMatchObject({ done: false, completed: [TOKEN] });
  expect(await attempt({ type: DUMMY, session })).toMatchObject({ done: true });
});

test.each<[string, JsonObject]>([
  ['the second stage before the first', { type: DUMMY }],
  ['a stage that is in no flow', { type: 'm.login.recaptcha' }],
  ['a wrong registration token', { type: TOKEN, token: 'bad' }],
  ['a registration token that is no string', { type: TOKEN, token: { $ne: 1 } }],
  ['a wrong password', { type: PASSWORD, identifier: { type: 'm.id.user', user: 'a' }, password: 'wrong' }],
  ['a password without a user', { type: PASSWORD, password: 'right' }],
  ['a third-party identifier', { type: PASSWORD, identifier: { type: 'm.id.thirdparty' }, password: 'right' }],
])('A7.5 %s completes nothing and says why', async (_what, auth) => {
  const session = await open();
  const outcome = await attempt({ ...auth, session });
  expect(outcome).toMatchObject({ done: false, session, errcode: 'M_FORBIDDEN' });
  expect(outcome).not.toHaveProperty('completed');
});

test('a session that is not known is replaced by a new one', async () => {
  const outcome = await attempt({ type: TOKEN, token: 'bad', session: 'made up' });
  expect(outcome).toMatchObject({ done: false, session: expect.stringMatching(/^plu_/) });
});

test.each<[string, Partial<UiaOperation>]>([
  ['another operation', { name: 'POST /y' }],
  ['another user', { requester: '@b:x' }],
  ['another body', { body: { a: 2 } }],
])('A7.5 a proof does not count for %s', async (_what, change) => {
  const session = await open();
  await attempt({ type: TOKEN, token: 'good', session });
  const body = { ...(change.body ?? { a: 1 }), auth: { type: DUMMY, session } };
  expect(await attempt(undefined, { ...change, body })).toMatchObject({ done: false, errcode: 'M_FORBIDDEN' });
  expect(await attempt({ type: DUMMY, session })).toMatchObject({ done: true });
});

test('where no account is at stake yet, the rest of the body may change', async () => {
  const session = await open({ bodyMayChange: true });
  await attempt({ type: TOKEN, token: 'good', session }, { bodyMayChange: true });
  const body = { b: 2, auth: { type: DUMMY, session } };
  expect(await attempt(undefined, { body, bodyMayChange: true })).toMatchObject({ done: true });
});

test('the order of keys makes no other operation', async () => {
  const session = await open({ body: { a: 1, b: { c: 1, d: 2 } } });
  const auth = { type: PASSWORD, identifier: { type: 'm.id.user', user: 'a' }, password: 'right', session };
  expect(await attempt(undefined, { body: { b: { d: 2, c: 1 }, auth, a: 1 } })).toMatchObject({ done: true });
});

test('A7.5 a proof older than five minutes has to be given again', async () => {
  const session = await open();
  await attempt({ type: TOKEN, token: 'good', session });
  clock.advance(5 * 60_000 + 1);
  expect(await attempt({ type: DUMMY, session })).toMatchObject({ done: false, session, errcode: 'M_FORBIDDEN' });
});

test('a proof is good until it is closed: an operation that failed can be tried again, one that was done cannot', async () => {
  const session = await open();
  await attempt({ type: TOKEN, token: 'good', session });
  const first = await attempt({ type: DUMMY, session });
  expect(first.done).toBe(true);
  expect(await attempt({ session })).toMatchObject({ done: true });
  if (first.done) await first.close();
  expect(await attempt({ session })).toMatchObject({ done: false });
});
