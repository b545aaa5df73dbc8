/** Notifications of the operating system, while a tab is open. */
export interface DesktopNotifications {
  /** `unsupported` where the browser has none or the page is not served securely. */
  permission(): 'granted' | 'denied' | 'default' | 'unsupported';
  /** Must be called from a press: browsers refuse to ask otherwise. */
  ask(): Promise<'granted' | 'denied' | 'default' | 'unsupported'>;
  /** A later one with the same `tag` replaces it. */
  show(notification: { title: string; body: string; tag: string; icon?: string; onPress: () => void }): void;
  /** Takes back what was shown under a tag. */
  close(tag: string): void;
}

export function createDesktopNotifications(window: Window & typeof globalThis): DesktopNotifications {
  const shown = new Map<string, Notification>();
  const isSupported = 'Notification' in window && window.isSecureContext;
  return {
    permission: () => (isSupported ? window.Notification.permission : 'unsupported'),
    ask: async () => (isSupported ? window.Notification.requestPermission() : 'unsupported'),
    show({ title, body, tag, icon, onPress }) {
      if (!isSupported || window.Notification.permission !== 'granted') return;
      let notification: Notification;
      try {
        notification = new window.Notification(title, { body, tag, ...(icon ? { icon } : {}) });
      } catch {
        // Chrome on Android has the class but lets only service workers use it.
        return;
      }
      shown.set(tag, notification);
      notification.onclick = () => {
        window.focus();
        notification.close();
        onPress();
      };
      notification.onclose = () => {
        if (shown.get(tag) === notification) shown.delete(tag);
      };
    },
    close(tag) {
      shown.get(tag)?.close();
      shown.delete(tag);
    },
  };
}
