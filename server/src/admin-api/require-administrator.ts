import type { Requester } from '../http/route.ts';
import { forbidden } from '../protocol/errors.ts';

/** Throws 403 for everybody but administrators. */
export function requireAdministrator(requester: Requester): void {
  if (!requester.isAdmin) throw forbidden('Only administrators may do this.');
}
