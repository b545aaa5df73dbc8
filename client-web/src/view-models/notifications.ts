import { type IncomingMessage, watchIncomingMessages } from '../matrix/incoming-messages.ts';
import type { Session } from '../matrix/session.ts';
import type { DesktopNotifications } from '../platform/desktop-notifications.ts';
import type { PreferencesViewModel } from './preferences.ts';
import { ViewModel } from './view-model.ts';

export type { IncomingMessage };

export interface NotificationsState {
  permission: ReturnType<DesktopNotifications['permission']>;
  /** Whether to offer turning them on: not yet decided, here or in the browser. */
  isOffered: boolean;
}

/** Puts a message into words in the user's language. */
export type DescribeMessage = (message: IncomingMessage) => { title: string; body: string };

export interface NotificationContext {
  describe: DescribeMessage;
  /** The room that the user is looking at right now, if any. */
  visibleRoom: () => string | undefined;
  openRoom: (roomId: string, eventId: string) => void;
}

/** Decides which messages become desktop notifications. */
export class NotificationsViewModel extends ViewModel<NotificationsState> {
  readonly #session: Session;
  readonly #desktop: DesktopNotifications;
  readonly #preferences: PreferencesViewModel;

  constructor(session: Session, desktop: DesktopNotifications, preferences: PreferencesViewModel) {
    super({ permission: desktop.permission(), isOffered: false });
    this.#session = session;
    this.#desktop = desktop;
    this.#preferences = preferences;
    this.#update();
    this.own(preferences.subscribe(() => this.#update()));
    this.own(session.rooms.subscribe(() => this.#closeRead()));
  }

  /** Turns them on; the browser may ask the user. To be called from a press. */
  async turnOn(): Promise<void> {
    const permission = await this.#desktop.ask();
    if (permission === 'granted') this.#preferences.change({ notifications: true });
    this.#update();
  }

  turnOff(): void {
    this.#preferences.change({ notifications: false });
  }

  dismissOffer(): void {
    this.#preferences.change({ notificationOfferDismissed: true });
  }

  /** Shows notifications until the returned function is called. */
  present(context: NotificationContext): () => void {
    return watchIncomingMessages(this.#session, (message) => {
      if (!this.#preferences.getState().notifications) return;
      if (context.visibleRoom() === message.roomId) return;
      this.#desktop.show({
        ...context.describe(message),
        tag: message.roomId,
        onPress: () => context.openRoom(message.roomId, message.eventId),
      });
    });
  }

  /** What has been read on another device need not be told any more. */
  #closeRead(): void {
    for (const summary of this.#session.rooms.getAll().values()) {
      if (summary.unread.level === 'none') this.#desktop.close(summary.roomId);
    }
  }

  #update(): void {
    const permission = this.#desktop.permission();
    const { notificationOfferDismissed } = this.#preferences.getState();
    this.set({ permission, isOffered: permission === 'default' && !notificationOfferDismissed });
  }
}
