/** What the side panel can show. */
export type PanelName = 'members' | 'member' | 'settings' | 'thread';

const panelNames: ReadonlySet<string> = new Set<PanelName>(['members', 'member', 'settings', 'thread']);

/** What the URL of a room says beside its id. */
export interface RoomSearch {
  /** The event to show and mark. */
  event?: string | undefined;
  panel?: PanelName | undefined;
  /** Root of the thread in the side panel. */
  thread?: string | undefined;
  /** User in the side panel. */
  user?: string | undefined;
  /** Servers that know a room we are not in, separated by commas. */
  via?: string | undefined;
}

/** Reads the search part of a URL, which anybody may have written. */
export function readRoomSearch(search: Record<string, unknown>): RoomSearch {
  const text = (key: string) => (search[key] === undefined ? undefined : String(search[key]));
  const panel = text('panel');
  return {
    event: text('event'),
    panel: panel !== undefined && panelNames.has(panel) ? (panel as PanelName) : undefined,
    thread: text('thread'),
    user: text('user'),
    via: text('via'),
  };
}
