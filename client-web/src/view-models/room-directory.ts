import { type PublicRoom, searchPublicRooms } from '../matrix/directory.ts';
import { joinRoom } from '../matrix/room-actions.ts';
import type { Session } from '../matrix/session.ts';
import { type Problem, toProblem } from './problem.ts';
import { ViewModel } from './view-model.ts';

export type { PublicRoom };

export interface RoomDirectoryState {
  term: string;
  /** Empty for our own server. */
  server: string;
  status: 'loading' | 'ready' | 'loading-more';
  rooms: readonly (PublicRoom & { isJoined: boolean })[];
  hasMore: boolean;
  /** The room that is being joined. */
  joining: string | undefined;
  problem: Problem | undefined;
}

const searchDelayMs = 250;

/** The public rooms of our own or another server. */
export class RoomDirectoryViewModel extends ViewModel<RoomDirectoryState> {
  readonly serverName: string;
  readonly #session: Session;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #next: string | undefined;
  #searchCount = 0;

  constructor(session: Session) {
    super({
      term: '',
      server: '',
      status: 'loading',
      rooms: [],
      hasMore: false,
      joining: undefined,
      problem: undefined,
    });
    this.serverName = session.serverName;
    this.#session = session;
    this.own(() => clearTimeout(this.#timer));
    void this.search();
  }

  setTerm(term: string): void {
    this.set({ term });
    this.#searchSoon();
  }

  setServer(server: string): void {
    this.set({ server: server.trim() });
    this.#searchSoon();
  }

  async search(): Promise<void> {
    const count = ++this.#searchCount;
    this.set({ status: 'loading', problem: undefined });
    await this.#load(count, undefined, []);
  }

  async loadMore(): Promise<void> {
    if (this.getState().status !== 'ready' || !this.#next) return;
    this.set({ status: 'loading-more', problem: undefined });
    await this.#load(this.#searchCount, this.#next, this.getState().rooms);
  }

  /** The room id if it worked. */
  async join(room: PublicRoom): Promise<string | undefined> {
    if (this.getState().joining) return undefined;
    this.set({ joining: room.roomId, problem: undefined });
    try {
      const server = this.getState().server || this.#session.serverName;
      return await joinRoom(this.#session, room.roomId, [server]);
    } catch (error) {
      this.set({ problem: toProblem(error) });
      return undefined;
    } finally {
      this.set({ joining: undefined });
    }
  }

  #searchSoon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.search(), searchDelayMs);
  }

  async #load(count: number, since: string | undefined, before: RoomDirectoryState['rooms']): Promise<void> {
    const { term, server } = this.getState();
    try {
      const page = await searchPublicRooms(this.#session, { term: term.trim(), server: server || undefined, since });
      if (count !== this.#searchCount) return;
      this.#next = page.next;
      const known = new Set(before.map((room) => room.roomId));
      const added = page.rooms
        .filter((room) => !known.has(room.roomId))
        .map((room) => ({ ...room, isJoined: this.#session.rooms.get(room.roomId)?.membership === 'join' }));
      this.set({ status: 'ready', rooms: [...before, ...added], hasMore: page.next !== undefined });
    } catch (error) {
      if (count !== this.#searchCount) return;
      this.set({ status: 'ready', rooms: before, hasMore: false, problem: toProblem(error) });
    }
  }
}
