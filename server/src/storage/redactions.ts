import type { EventId } from '../protocol/event.ts';
import type { Transaction } from './database.ts';
import { toStoredText } from './text.ts';

/** A redaction that waits for its target, if only until the next statement. */
export interface WaitingRedaction {
  readonly targetEventId: EventId;
  readonly redactionNid: number;
  /** The sender has no power to redact others: it counts only for events of the sender's own server. */
  readonly sameServerOnly: boolean;
}

export function insertWaitingRedactions(tx: Transaction, rows: readonly WaitingRedaction[]): void {
  if (rows.length === 0) return;
  tx.enqueue(
    `INSERT INTO waiting_redactions (target_event_id, redaction_nid, same_server_only)
     SELECT * FROM unnest($1::text[], $2::bigint[], $3::boolean[]) ON CONFLICT DO NOTHING`,
    [
      rows.map((row) => toStoredText(row.targetEventId)),
      rows.map((row) => row.redactionNid),
      rows.map((row) => row.sameServerOnly),
    ],
  );
}

const APPLY = `WITH taken AS (DELETE FROM waiting_redactions w USING events target, events redaction
    WHERE w.target_event_id = ANY ($1::text[]) AND target.event_id = w.target_event_id AND redaction.nid = w.redaction_nid
      AND target.room_nid = redaction.room_nid AND target.type <> 'm.room.create'
      AND (NOT w.same_server_only OR substr(target.sender, strpos(target.sender, ':'))
        = substr(redaction.sender, strpos(redaction.sender, ':')))
    RETURNING target.nid AS target, redaction.nid AS by)
  UPDATE events SET redacted_by = taken.by FROM taken WHERE events.nid = taken.target AND events.redacted_by IS NULL`;

/**
 * Applies the waiting redactions whose target we hold; the first redaction of an event stays. Only those count whose target is
 * in the room of the redaction and no `m.room.create`, which cannot be redacted, and whose sender may redact it: by power, or
 * by being of the same server.
 */
export function applyWaitingRedactions(tx: Transaction, targets: readonly EventId[]): void {
  if (targets.length > 0) tx.enqueue(APPLY, [targets.map(toStoredText)]);
}
