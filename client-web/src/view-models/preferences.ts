import type { KeyValueStore } from '../platform/key-value-store.ts';
import { ViewModel } from './view-model.ts';

/** How this user likes the app on this device. */
export interface Preferences {
  /** CSS pixels. */
  listWidth: number;
  panelWidth: number;
  collapsedSections: readonly string[];
  /** Show a desktop notification when a message asks for one. The browser must allow it too. */
  notifications: boolean;
  /** The user said "not now" to the offer of notifications. */
  notificationOfferDismissed: boolean;
  lastRoomId: string | undefined;
  /** How much room messages take: `compact` leaves out the pictures. */
  density: 'comfortable' | 'compact';
}

export const listWidthLimits = { min: 200, max: 400, initial: 280 } as const;
export const panelWidthLimits = { min: 300, max: 560, initial: 380 } as const;

const key = 'preferences';

export class PreferencesViewModel extends ViewModel<Preferences> {
  readonly #store: KeyValueStore;

  constructor(store: KeyValueStore) {
    super(readPreferences(store.get(key)));
    this.#store = store;
  }

  change(patch: Partial<Preferences>): void {
    this.set(patch);
    this.#store.set(key, this.getState());
  }

  toggleSection(id: string): void {
    const { collapsedSections } = this.getState();
    this.change({
      collapsedSections: collapsedSections.includes(id)
        ? collapsedSections.filter((other) => other !== id)
        : [...collapsedSections, id],
    });
  }
}

/** Takes what is well-formed from what was stored, by an older version perhaps, and the defaults for the rest. */
function readPreferences(stored: unknown): Preferences {
  const value = (typeof stored === 'object' && stored !== null ? stored : {}) as Partial<
    Record<keyof Preferences, unknown>
  >;
  return {
    listWidth: clampWidth(value.listWidth, listWidthLimits),
    panelWidth: clampWidth(value.panelWidth, panelWidthLimits),
    collapsedSections: Array.isArray(value.collapsedSections)
      ? value.collapsedSections.filter((id) => typeof id === 'string')
      : ['lowPriority'],
    notifications: value.notifications === true,
    notificationOfferDismissed: value.notificationOfferDismissed === true,
    lastRoomId: typeof value.lastRoomId === 'string' ? value.lastRoomId : undefined,
    density: value.density === 'compact' ? 'compact' : 'comfortable',
  };
}

export function clampWidth(value: unknown, limits: { min: number; max: number; initial: number }): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) return limits.initial;
  return Math.min(limits.max, Math.max(limits.min, Math.round(value)));
}
