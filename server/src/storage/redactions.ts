import type { EventId } from '../protocol/event.ts';
import type { Transaction } from './database.ts';
import { toStoredText } from './text.ts';

export async function insertWaitingRedactions(
  tx: Transaction,
  rows: readonly { readonly targetEventId: EventId; readonly redactionNid: number; readonly sameServerOnly: boolean }[],
): Promise<void> {
  await tx.query(
    `INSERT INTO waiting_redactions (target_event_id, redaction_nid, same_server_only)
     SELECT * FROM unnest($1::text[], $2::bigint[], $3::boolean[]) ON CONFLICT DO NOTHING`,
    [
      rows.map((row) => toStoredText(row.targetEventId)),
      rows.map((row) => row.redactionNid),
      rows.map((row) => row.sameServerOnly),
    ],
  );
}

/**
 * Takes out the redactions whose target we hold. Only those count whose target is in the room of the redaction and no
 * `m.room.create`, which cannot be redacted, and whose sender may redact it: by power, or by being of the same server.
 */
export async function takeWaitingRedactions(
  tx: Transaction,
  targets: readonly EventId[],
): Promise<{ target: number; by: number }[]> {
  return await tx.query<{ target: number; by: number }>(
    `DELETE FROM waiting_redactions w USING events target, events redaction
     WHERE w.target_event_id = ANY ($1::text[]) AND target.event_id = w.target_event_id AND redaction.nid = w.redaction_nid
       AND target.room_nid = redaction.room_nid AND target.type <> 'm.room.create'
       AND (NOT w.same_server_only OR substr(target.sender, strpos(target.sender, ':'))
         = substr(redaction.sender, strpos(redaction.sender, ':')))
     RETURNING target.nid AS target, redaction.nid AS by`,
    [targets.map(toStoredText)],
  );
}
