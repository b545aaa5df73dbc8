import { type MatrixEvent, type RoomMember, RoomMemberEvent } from 'matrix-js-sdk';
import { memberOf } from './event-projection.ts';
import type { Session } from './session.ts';
import type { Person } from './timeline-event.ts';

const MAX_NAMED = 20;
const TYPING_TIMEOUT_MS = 20_000;
const REPEAT_MS = 10_000;

/**
 * Reports who is typing in a room, oneself left out.
 *
 * @returns the function that ends the reports
 */
export function watchTyping(
  session: Session,
  roomId: string,
  onChange: (people: readonly Person[]) => void,
): () => void {
  // The notice itself does not say which room it came from; the members it names do.
  const onTyping = (_event: MatrixEvent, { roomId: changed }: RoomMember): void => {
    const room = session.client.getRoom(roomId);
    if (changed !== roomId || !room) return;
    const others = room.getMembers().filter((member) => member.typing && member.userId !== session.userId);
    onChange(others.slice(0, MAX_NAMED).map((member) => memberOf(room, member.userId)));
  };
  session.client.on(RoomMemberEvent.Typing, onTyping);
  return () => void session.client.off(RoomMemberEvent.Typing, onTyping);
}

/** Tells others that we type: at the first key, again while it goes on, and when it ends. */
export class TypingNotifier {
  readonly #session: Session;
  readonly #roomId: string;
  #sentAt = 0;
  #idleTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(session: Session, roomId: string) {
    this.#session = session;
    this.#roomId = roomId;
  }

  /** Call at every change of a draft that is not empty. */
  typed(): void {
    const now = this.#session.platform.now();
    clearTimeout(this.#idleTimer);
    this.#idleTimer = setTimeout(() => this.stopped(), REPEAT_MS);
    if (now - this.#sentAt < REPEAT_MS) return;
    this.#sentAt = now;
    void this.#send(true);
  }

  /** Call when the draft was sent or emptied. */
  stopped(): void {
    clearTimeout(this.#idleTimer);
    if (this.#sentAt === 0) return;
    this.#sentAt = 0;
    void this.#send(false);
  }

  async #send(isTyping: boolean): Promise<void> {
    // Asking for something takes the browser longer than drawing what was typed.
    await this.#session.platform.page.drawn();
    try {
      await this.#session.client.sendTyping(this.#roomId, isTyping, TYPING_TIMEOUT_MS);
    } catch {
      // A lost notice is of no consequence: it would have expired by itself.
    }
  }
}
