import type { EventId, UserId } from '../protocol/event.ts';
import type { SignedEvent } from '../protocol/event-signing.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { Admission } from '../storage/events.ts';
import type { Snapshot } from '../storage/state-snapshots.ts';
import type { VerifiedPdu } from './admit-pdu.ts';

/** What a local user wants to say; the room adds the rest. */
export interface Draft {
  readonly type: string;
  readonly sender: UserId;
  readonly content: JsonObject;
  readonly stateKey?: string;
  /** Target of an `m.room.redaction`. */
  readonly redacts?: Redacts;
  readonly deviceId?: string;
  readonly transactionId?: string;
}

/** What a redaction takes away. */
export interface Redacts {
  readonly target: EventId;
  /** The sender lacks the power to redact others, so it counts only for events of the sender's own server. */
  readonly sameServerOnly: boolean;
}

/** An event about to be written. */
export interface NewEvent {
  readonly nid: number;
  /** One of others that has passed the gate, or one that this server has made: nothing else is written. */
  readonly event: VerifiedPdu | SignedEvent;
  readonly admission: Admission;
  readonly reason: string | null;
  /** The other servers of the room get it from us. */
  readonly local: boolean;
  /** Others may have referred to it before it came to us. */
  readonly isFromElsewhere: boolean;
  readonly stateKeyNid: number | null;
  readonly prevEvents: readonly number[];
  readonly missingPrevEvents: readonly EventId[];
  /** Events that the state before it stands in for, where another server told that. */
  readonly toldInPlaceOf?: readonly EventId[];
  readonly authEvents: readonly number[];
  readonly stateBefore: Snapshot | undefined;
  readonly stateAfter: Snapshot | undefined;
  /** Current state of the room once this event is in. */
  readonly roomState: Snapshot | undefined;
  readonly redacts: Redacts | null;
  readonly deviceId: string | null;
  readonly transactionId: string | null;
}
