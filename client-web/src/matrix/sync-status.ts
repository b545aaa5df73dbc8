/**
 * - `starting`: nothing to show yet
 * - `arriving`: the rooms one sees first are there, the others follow within moments
 * - `cached`: what was kept from the last visit is there, the server has not answered yet
 * - `live`: up to date
 * - `reconnecting`: the connection broke a moment ago
 * - `offline`: several attempts have failed, or the browser has no connection at all
 * - `unreachable`: the server has not answered yet and nothing was kept from an earlier visit
 * - `expired`: the server no longer knows this login, but keeps the device (soft logout)
 * - `signed-out`: the server no longer knows this login
 */
export type SyncStatus =
  | 'starting'
  | 'arriving'
  | 'cached'
  | 'live'
  | 'reconnecting'
  | 'offline'
  | 'unreachable'
  | 'expired'
  | 'signed-out';
