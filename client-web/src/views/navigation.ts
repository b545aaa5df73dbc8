import { useNavigate, useSearch } from '@tanstack/react-router';
import { useMemo } from 'react';
import { parseMatrixLink } from '../view-models/matrix-link.ts';
import type { PanelName } from './places.ts';

export interface Navigation {
  openHome(): void;
  openRoom(roomId: string, options?: { eventId?: string }): void;
  openPanel(panel: PanelName, options?: { threadId?: string; userId?: string }): void;
  /** Opens a room with a side panel. */
  openRoomPanel(roomId: string, panel: PanelName): void;
  closePanel(): void;
  /** Shows a user's card in the side panel. */
  openUser(userId: string): void;
  openSettings(section?: string): void;
  /** Follows a matrix.to, `matrix:` or alias link inside the app. False if it is not one. */
  openLink(link: string): boolean;
}

/** All moves through the app, so that views need not know how places are spelt in the URL. */
export function useNavigation(): Navigation {
  const navigate = useNavigate();
  return useMemo<Navigation>(
    () => ({
      openHome: () => void navigate({ to: '/' }),
      openRoom: (roomId, options) =>
        void navigate({
          to: '/room/$roomId',
          params: { roomId },
          search: options?.eventId ? { event: options.eventId } : {},
        }),
      openPanel: (panel, options) =>
        void navigate({
          to: '.',
          search: (search) => ({ ...search, panel, thread: options?.threadId, user: options?.userId }),
        }),
      openRoomPanel: (roomId, panel) => void navigate({ to: '/room/$roomId', params: { roomId }, search: { panel } }),
      closePanel: () =>
        void navigate({
          to: '.',
          search: (search) => ({ ...search, panel: undefined, thread: undefined, user: undefined }),
        }),
      openUser: (userId) =>
        void navigate({
          to: '.',
          search: (search) => ({ ...search, panel: 'member', thread: undefined, user: userId }),
        }),
      openSettings: (section = 'profile') => void navigate({ to: '/settings/$section', params: { section } }),
      openLink: (link) => {
        const target = parseMatrixLink(link);
        if (!target) return false;
        if (target.kind === 'user') {
          void navigate({ to: '.', search: (search) => ({ ...search, panel: 'member', user: target.userId }) });
        } else {
          void navigate({
            to: '/room/$roomId',
            params: { roomId: target.room },
            search: {
              ...(target.kind === 'event' ? { event: target.eventId } : {}),
              via: target.via.join(',') || undefined,
            },
          });
        }
        return true;
      },
    }),
    [navigate],
  );
}

/** What the URL says beside the place itself: the event to show and the side panel. */
export function usePlace() {
  return useSearch({ strict: false });
}

/** The address of a room, for links. */
export function roomHref(roomId: string): string {
  return `#/room/${encodeURIComponent(roomId)}`;
}
