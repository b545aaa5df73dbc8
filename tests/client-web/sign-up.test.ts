import { afterAll, describe, expect, test } from 'vitest';
import { type Credentials, readCredentials } from '../../client-web/src/platform/credentials.ts';
import { createMemoryStore } from '../../client-web/src/platform/key-value-store.ts';
import { AppViewModel } from '../../client-web/src/view-models/app.ts';
import { SetupViewModel } from '../../client-web/src/view-models/auth/setup.ts';
import { normaliseUsername, SignInViewModel } from '../../client-web/src/view-models/auth/sign-in.ts';
import { SignUpViewModel } from '../../client-web/src/view-models/auth/sign-up.ts';
import { openSession } from '../../client-web/src/view-models/session-view-model.ts';
import { openDatabase } from '../../server/src/storage/database.ts';
import { insertRegistrationToken } from '../../server/src/storage/registration-tokens.ts';
import { startHomeserver } from '../harness/homeserver.ts';
import { createTestPlatform, until } from './test-platform.ts';

const password = 'correct horse battery';
const account = { username: 'ana', password, displayName: 'Ana Ruiz', token: '' };

function collect() {
  const logins: Credentials[] = [];
  return { logins, onSignedIn: async (credentials: Credentials) => void logins.push(credentials) };
}

function signUpAt(baseUrl: string) {
  const { logins, onSignedIn } = collect();
  const viewModel = new SignUpViewModel({ baseUrl, deviceName: 'Test', onSignedIn, checkDelayMs: 0 });
  return { viewModel, logins };
}

describe('on a server that is open to everybody', async () => {
  const server = await startHomeserver();

  test('an account takes a name, a username and a password, and ends signed in', async () => {
    const { viewModel, logins } = signUpAt(server.baseUrl);
    await until(viewModel, ({ mode }) => mode === 'open');
    await viewModel.signUp(account);
    expect(logins).toMatchObject([{ baseUrl: server.baseUrl, userId: `@ana:${server.serverName}` }]);
    const profile = await fetch(`${server.baseUrl}/_matrix/client/v3/profile/@ana:${server.serverName}`);
    expect(await profile.json()).toMatchObject({ displayname: 'Ana Ruiz' });
  });

  test('a username is checked while it is typed', async () => {
    const { viewModel } = signUpAt(server.baseUrl);
    viewModel.usernameChanged('somebody-new');
    await until(viewModel, ({ usernameCheck }) => usernameCheck === 'available');
    viewModel.usernameChanged('ana');
    await until(viewModel, ({ usernameCheck }) => usernameCheck === 'taken');
    viewModel.usernameChanged('white space');
    await until(viewModel, ({ usernameCheck }) => usernameCheck === 'invalid');
  });

  test('a name that somebody has by now is said at the field', async () => {
    const { viewModel, logins } = signUpAt(server.baseUrl);
    await viewModel.signUp(account);
    expect(viewModel.getState()).toMatchObject({ usernameCheck: 'taken', pending: false, problem: undefined });
    expect(logins).toEqual([]);
  });

  test('signing in takes the name with or without the @ and tells a wrong password', async () => {
    const { logins, onSignedIn } = collect();
    const viewModel = new SignInViewModel({
      baseUrl: server.baseUrl,
      deviceName: 'Test',
      previous: undefined,
      onSignedIn,
    });
    await until(viewModel, ({ passwordOffered }) => passwordOffered === true);
    await viewModel.signIn('@Ana', 'something else');
    expect(viewModel.getState()).toMatchObject({ wrongPassword: true, pending: false });
    await viewModel.signIn('@Ana', password);
    expect(logins).toMatchObject([{ userId: `@ana:${server.serverName}` }]);
  });

  test('a login that was ended elsewhere leads back to the sign-in page', async () => {
    const { logins, onSignedIn } = collect();
    await new SignInViewModel({ baseUrl: server.baseUrl, deviceName: 'Test', previous: undefined, onSignedIn }).signIn(
      'ana',
      password,
    );
    const [credentials] = logins as [Credentials];
    const storage = createMemoryStore();
    const app = new AppViewModel(createTestPlatform(server.baseUrl, storage), openSession);
    await app.signedIn(credentials);
    expect(app.getState().app.phase).toBe('signed-in');
    expect(readCredentials(storage)).toEqual(credentials);
    await fetch(`${server.baseUrl}/_matrix/client/v3/logout`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${credentials.accessToken}` },
    });
    const state = await until(app, ({ app: { phase } }) => phase === 'signed-out');
    expect(state.app).toMatchObject({ reason: 'signed-out-elsewhere' });
    expect(readCredentials(storage)).toBeUndefined();
    app.dispose();
  });

  test('the first administrator is made with the link that the server printed, once', async () => {
    const token = new URL(server.setupLink ?? '').hash.split('token=')[1] ?? '';
    const { logins, onSignedIn } = collect();
    const options = { baseUrl: server.baseUrl, deviceName: 'Test', onSignedIn };
    const administrator = { username: 'root', password, displayName: 'Rosa' };

    const wrong = new SetupViewModel({ ...options, token: 'guessed' });
    await until(wrong, ({ open }) => open === true);
    await wrong.create(administrator);
    expect(wrong.getState().wrongToken).toBe(true);

    await new SetupViewModel({ ...options, token: decodeURIComponent(token) }).create(administrator);
    expect(logins).toMatchObject([{ userId: `@root:${server.serverName}` }]);

    const late = new SetupViewModel({ ...options, token });
    await until(late, ({ open }) => open === false);
  });
});

describe('on a server that asks for a token', async () => {
  const server = await startHomeserver({ settings: { registration: 'token' } });
  const db = openDatabase({ connection: server.databaseUrl, poolSize: 1 });
  afterAll(() => db.close());

  test('the right one creates an account, a wrong one is said at its field', async () => {
    await insertRegistrationToken(db, { token: 'let-me-in', usesAllowed: 1, expiresAt: null });
    const { viewModel, logins } = signUpAt(server.baseUrl);
    await until(viewModel, ({ mode }) => mode === 'token');
    await viewModel.signUp({ ...account, token: 'guessed' });
    expect(viewModel.getState().wrongToken).toBe(true);
    await viewModel.signUp({ ...account, token: ' let-me-in ' });
    expect(logins).toHaveLength(1);
  });
});

describe('on a server that is closed', async () => {
  const server = await startHomeserver({ settings: { registration: 'closed' } });

  test('the page says so instead of showing a form that cannot work', async () => {
    const { viewModel } = signUpAt(server.baseUrl);
    await until(viewModel, ({ mode }) => mode === 'closed');
  });
});

test('a server that cannot be reached is a problem with words of its own', async () => {
  const { viewModel } = signUpAt('http://127.0.0.1:1');
  const { problem } = await until(viewModel, (state) => state.problem !== undefined);
  expect(problem).toEqual({ code: 'unreachable' });
});

test('a full Matrix id is left as it is', () => {
  expect(normaliseUsername(' @Ana:Example.org ')).toBe('@Ana:Example.org');
});
