import { type Credentials, forgetCredentials, readCredentials, writeCredentials } from '../platform/credentials.ts';
import type { KeyValueStore } from '../platform/key-value-store.ts';
import type { Platform } from '../platform/platform.ts';
import { forgetLastVisit } from './last-visit.ts';
import { SessionFrame } from './session-frame.ts';
import type { SessionViewModel } from './session-view-model.ts';
import { ViewModel } from './view-model.ts';

export type AppState =
  | { phase: 'loading' }
  /** `reason` says why a login ended by itself; `userId` and `deviceId` are set when only the login has to be renewed. */
  | { phase: 'signed-out'; reason?: 'signed-out-elsewhere' | 'expired'; previous?: Credentials }
  | SignedIn
  | { phase: 'failed'; error: unknown };

export interface SignedIn {
  phase: 'signed-in';
  /** What can be drawn at once. */
  frame: SessionFrame;
  /** What fills it: undefined while it is being opened. */
  session: SessionViewModel | undefined;
  opening: Promise<SessionViewModel>;
}

/** Opens a session. A parameter, so that the Matrix SDK is fetched only once somebody is signed in. */
export type OpenSession = (frame: SessionFrame) => Promise<SessionViewModel>;

/** Who is signed in in this tab. */
export class AppViewModel extends ViewModel<{ app: AppState }> {
  readonly platform: Platform;
  readonly #openSession: OpenSession;
  /** Of the login that counts. */
  #frame: SessionFrame | undefined;

  constructor(platform: Platform, openSession: OpenSession) {
    super({ app: { phase: 'loading' } });
    this.platform = platform;
    this.#openSession = openSession;
  }

  /** Goes on with the login that this browser remembers, if any. */
  async start(): Promise<void> {
    const credentials = readCredentials(this.platform.storage);
    if (credentials) await this.#open(credentials);
    else this.set({ app: { phase: 'signed-out' } });
  }

  /** Takes over a login that the sign-in, sign-up or set-up page has just made. */
  async signedIn(credentials: Credentials): Promise<void> {
    writeCredentials(this.platform.storage, credentials);
    await this.#open(credentials);
  }

  /** Ends the login here and on the server. */
  async signOut(): Promise<void> {
    const { app } = this.getState();
    this.#frame = undefined;
    forgetAccount(this.platform.storage);
    this.set({ app: { phase: 'signed-out' } });
    if (app.phase !== 'signed-in') return;
    app.frame.dispose();
    // One that is still being opened ends itself.
    await app.session?.signOut();
  }

  async #open(credentials: Credentials): Promise<void> {
    const frame = new SessionFrame(credentials, this.platform);
    this.#frame = frame;
    const opening = this.#openSession(frame);
    this.set({
      app: frame.isKnown ? { phase: 'signed-in', frame, session: undefined, opening } : { phase: 'loading' },
    });
    try {
      const session = await opening;
      if (this.#frame !== frame) {
        await session.signOut();
        return;
      }
      frame.fill(session);
      this.own(session.subscribe(() => this.#onSessionChange(session, frame)));
      this.own(() => frame.dispose());
      this.set({ app: { phase: 'signed-in', frame, session, opening } });
      // The login may have turned out to be over before anyone listened.
      this.#onSessionChange(session, frame);
    } catch (error) {
      frame.dispose();
      if (this.#frame === frame) this.set({ app: { phase: 'failed', error } });
    }
  }

  #onSessionChange(session: SessionViewModel, frame: SessionFrame): void {
    const { sync } = session.getState();
    if ((sync !== 'expired' && sync !== 'signed-out') || this.#frame !== frame) return;
    this.#frame = undefined;
    forgetCredentials(this.platform.storage);
    frame.dispose();
    if (sync === 'expired') {
      this.set({ app: { phase: 'signed-out', reason: 'expired', previous: frame.credentials } });
    } else {
      forgetLastVisit(this.platform.storage);
      this.set({ app: { phase: 'signed-out', reason: 'signed-out-elsewhere' } });
    }
  }
}

/** What belongs to the device rather than to the person who was signed in. */
const deviceSettings: ReadonlySet<string> = new Set(['theme', 'language']);

/** Drafts, widths, the last room: whoever signs in next has no use for them. */
function forgetAccount(storage: KeyValueStore): void {
  for (const key of storage.keys()) if (!deviceSettings.has(key)) storage.remove(key);
}
