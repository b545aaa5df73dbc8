/**
 * Stands in, in the built client, for the parts of the Matrix SDK that make calls, keep files in rooms, speak the old
 * sliding sync and OAuth, store secrets and ignore invitations: a third of it, and nothing here uses them (see
 * leave-out-unused.ts). The names are those that the SDK's client imports. With `disableVoip` and without `slidingSync` it
 * makes the media handler, the session manager, the secret storage and the ignorer only, and gives them nothing to do.
 */

class Idle {
  start(): void {}
  stop(): void {}
}

export class MediaHandler extends Idle {}
export class MatrixRTCSessionManager extends Idle {}
export class CallEventHandler extends Idle {}
export class GroupCallEventHandler extends Idle {}
export class GroupCall extends Idle {}
export class SlidingSyncSdk extends Idle {}

export class IgnoredInvites {}
export class ServerSideSecretStorageImpl {}
export const OAuth2Error = { OpSupport: 'not supported' };

export function isValidAuthMetadata(): boolean {
  return false;
}

export class MSC3089TreeSpace {}
export const DEFAULT_TREE_POWER_LEVELS_TEMPLATE = {};

export function supportsMatrixCall(): boolean {
  return false;
}

export function createNewMatrixCall(): null {
  return null;
}
