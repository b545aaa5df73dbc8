import type { Database } from '../storage/database.ts';
import { type DeviceSighting, recordSightings } from '../storage/devices.ts';

/** Notes when and from where devices are used. Written in batches: what a crash loses is at most a minute of it. */
export interface LastSeen {
  note(sighting: DeviceSighting): void;
  /** Writes what is waiting. */
  flush(): Promise<void>;
  stop(): Promise<void>;
}

const FLUSH_EVERY_MS = 60_000;

export function createLastSeen(db: Database, onError: (error: unknown) => void): LastSeen {
  let waiting = new Map<string, DeviceSighting>();

  async function flush(): Promise<void> {
    const sightings = [...waiting.values()];
    waiting = new Map();
    if (sightings.length === 0) return;
    try {
      await recordSightings(db, sightings);
    } catch (error) {
      onError(error); // They will be seen again.
    }
  }

  const timer = setInterval(flush, FLUSH_EVERY_MS);
  timer.unref();
  return {
    note: (sighting) => void waiting.set(`${sighting.userId} ${sighting.deviceId}`, sighting),
    flush,
    async stop() {
      clearInterval(timer);
      await flush();
    },
  };
}
