import type { KeyValueStore } from '../platform/key-value-store.ts';
import { type DocumentNode, isBlank } from './composer-document.ts';

const MAX_DRAFT_LENGTH = 100_000;

const keyOf = (roomId: string, threadId: string | undefined): string =>
  `draft.${roomId}${threadId ? ` ${threadId}` : ''}`;

function isDocument(value: unknown): value is DocumentNode {
  return typeof value === 'object' && value !== null && 'type' in value && value.type === 'doc';
}

/** What was being written in a room or thread on this device. */
export function readDraft(storage: KeyValueStore, roomId: string, threadId?: string): DocumentNode | undefined {
  const stored = storage.get(keyOf(roomId, threadId));
  return isDocument(stored) ? stored : undefined;
}

/** Keeps a draft; an empty one is forgotten, and so is one too large to keep. */
export function keepDraft(
  storage: KeyValueStore,
  roomId: string,
  threadId: string | undefined,
  document: DocumentNode,
): void {
  const key = keyOf(roomId, threadId);
  if (isBlank(document) || JSON.stringify(document).length > MAX_DRAFT_LENGTH) storage.remove(key);
  else storage.set(key, document);
}
