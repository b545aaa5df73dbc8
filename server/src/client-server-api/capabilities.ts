/** GET /_matrix/client/v3/capabilities: Client-Server API, "Capabilities negotiation". */
import { type ClientRoute, clientRoute } from '../http/route.ts';
import { DEFAULT_ROOM_VERSION, supportedRoomVersions } from '../protocol/room-versions.ts';

const CAPABILITIES = {
  'm.change_password': { enabled: true },
  'm.room_versions': {
    default: DEFAULT_ROOM_VERSION,
    available: Object.fromEntries(supportedRoomVersions.map((version) => [version, 'stable'])),
  },
  'm.profile_fields': { enabled: true },
  'm.set_displayname': { enabled: true },
  'm.set_avatar_url': { enabled: true },
  'm.3pid_changes': { enabled: false },
  'm.get_login_token': { enabled: false },
  'm.forget_forced_upon_leave': { enabled: false },
};

export function capabilitiesRoutes(): ClientRoute[] {
  return [
    clientRoute({
      method: 'GET',
      path: '/_matrix/client/v3/capabilities',
      auth: 'access_token',
      guests: false,
      rateLimit: 'read',
      handle: async () => ({ capabilities: CAPABILITIES }),
    }),
  ];
}
