import type { Clock } from '../base/clock.ts';
import type { ServerName } from '../protocol/event.ts';
import { isServerName } from '../protocol/identifiers.ts';
import { isJsonObject, type JsonObject } from '../protocol/json.ts';
import { parsePeerJson } from '../protocol/json-parser.ts';
import { signJson } from '../protocol/signing.ts';
import type { Database } from '../storage/database.ts';
import { readServerKeyAnswers, type ServerKeyAnswerRow } from '../storage/server-keys.ts';
import type { KeyRing } from './key-ring.ts';
import type { OwnKeys } from './own-keys.ts';

/** Servers that one query may ask for; the others are left out of the answer, as those that cannot be reached are. */
const MAX_SERVERS = 50;

/** Keys of other servers with our signature (Server-Server API, "Querying Keys Through Another Server"). */
export interface Notary {
  /**
   * The last answers of the servers, with our signature added. Each is asked again first when its answer is past half of its
   * life or ends before the wanted moment; when it then says nothing, the old answer has to do.
   * @param wanted the moment until which the keys of each server should be valid, in milliseconds since 1970
   */
  query(wanted: ReadonlyMap<ServerName, number>): Promise<JsonObject[]>;
}

export function createNotary(options: {
  readonly db: Database;
  readonly ownKeys: OwnKeys;
  readonly keyRing: KeyRing;
  readonly clock: Clock;
}): Notary {
  const { db, ownKeys, keyRing, clock } = options;

  function isStale(row: ServerKeyAnswerRow | undefined, wantedUntil: number): boolean {
    if (row === undefined || row.validUntil < wantedUntil) return true;
    return clock.now() > row.fetchedAt + (row.validUntil - row.fetchedAt) / 2;
  }

  async function stored(serverNames: readonly ServerName[]): Promise<Map<ServerName, ServerKeyAnswerRow>> {
    return new Map((await readServerKeyAnswers(db, serverNames)).map((row) => [row.serverName, row]));
  }

  return {
    async query(wanted) {
      const names = [...wanted.keys()].filter(isServerName).slice(0, MAX_SERVERS);
      const others = names.filter((name) => name !== ownKeys.serverName);
      let rows = await stored(others);
      const stale = others.filter((name) => isStale(rows.get(name), wanted.get(name) ?? clock.now()));
      if (stale.length > 0) {
        await keyRing.askAgain(stale);
        rows = await stored(others);
      }
      const answers: JsonObject[] = others.length === names.length ? [] : [await ownKeys.published()];
      for (const { answer } of rows.values()) {
        // It was verified before it was stored. What we sign here names its server and its keys, so that our signature
        // cannot be taken for one under an event or a request.
        const object = parsePeerJson(answer);
        if (isJsonObject(object)) answers.push(signJson(object, ownKeys.serverName, ownKeys.current));
      }
      return answers;
    },
  };
}
