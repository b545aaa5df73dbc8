import { registrationTokenRoutes } from '../admin-api/registration-tokens.ts';
import { setupRoutes } from '../admin-api/setup.ts';
import { sharedSecretRegistrationRoutes } from '../admin-api/shared-secret-registration.ts';
import { accountDataRoutes } from '../client-server-api/account-data.ts';
import { accountManagementRoutes } from '../client-server-api/account-management.ts';
import { capabilitiesRoutes } from '../client-server-api/capabilities.ts';
import { contentRepositoryRoutes } from '../client-server-api/content-repository.ts';
import { deviceManagementRoutes } from '../client-server-api/device-management.ts';
import { filterRoutes } from '../client-server-api/filter.ts';
import { keyRoutes as clientKeyRoutes } from '../client-server-api/keys.ts';
import { loginRoutes } from '../client-server-api/login.ts';
import { logoutRoutes } from '../client-server-api/logout.ts';
import { openIdRoutes } from '../client-server-api/openid.ts';
import { presenceRoutes } from '../client-server-api/presence.ts';
import { profileRoutes } from '../client-server-api/profile.ts';
import { pushRulesRoutes } from '../client-server-api/push-rules.ts';
import { receiptRoutes } from '../client-server-api/receipts.ts';
import { refreshRoutes } from '../client-server-api/refresh.ts';
import { registrationRoutes } from '../client-server-api/registration.ts';
import { relationRoutes } from '../client-server-api/relations.ts';
import { roomCreationRoutes } from '../client-server-api/room-creation.ts';
import { roomDirectoryRoutes } from '../client-server-api/room-directory.ts';
import { roomMembershipRoutes } from '../client-server-api/room-membership.ts';
import { roomSendRoutes } from '../client-server-api/room-send.ts';
import { roomStateRoutes } from '../client-server-api/room-state.ts';
import { roomSummaryRoutes } from '../client-server-api/room-summaries.ts';
import { roomsRoutes } from '../client-server-api/rooms.ts';
import { spaceRoutes } from '../client-server-api/spaces.ts';
import { syncRoutes } from '../client-server-api/sync.ts';
import { tagsRoutes } from '../client-server-api/tags.ts';
import { toDeviceRoutes } from '../client-server-api/to-device.ts';
import { typingRoutes } from '../client-server-api/typing.ts';
import { userDirectoryRoutes } from '../client-server-api/user-directory.ts';
import { versionsRoutes } from '../client-server-api/versions.ts';
import { type WellKnown, wellKnownRoutes } from '../client-server-api/well-known.ts';
import { whoamiRoutes } from '../client-server-api/whoami.ts';
import type { Federation } from '../federation/federation.ts';
import type { ClientRoute, FederationRoute } from '../http/route.ts';
import { localAliasTarget } from '../rooms/directory.ts';
import { leaveAllRooms } from '../rooms/leave.ts';
import { type EduReceivers, roomEduReceivers } from '../rooms/receive-edus.ts';
import { openTransactionReceiver } from '../rooms/receive-transaction.ts';
import { RemoteSpaces } from '../rooms/remote-spaces.ts';
import { backfillRoutes } from '../server-server-api/backfill.ts';
import { contentRepositoryRoutes as federationContentRepositoryRoutes } from '../server-server-api/content-repository.ts';
import { eventAuthRoutes } from '../server-server-api/event-auth.ts';
import { eventRoutes } from '../server-server-api/events.ts';
import { inviteRoutes } from '../server-server-api/invites.ts';
import { joinRoutes } from '../server-server-api/joins.ts';
import { keyRoutes } from '../server-server-api/keys.ts';
import { knockRoutes } from '../server-server-api/knocks.ts';
import { leaveRoutes } from '../server-server-api/leaves.ts';
import { openIdRoutes as federationOpenIdRoutes } from '../server-server-api/openid.ts';
import { policyRoutes } from '../server-server-api/policy.ts';
import { publicRoomsRoutes } from '../server-server-api/public-rooms.ts';
import { queryRoutes } from '../server-server-api/query.ts';
import { spaceRoutes as federationSpaceRoutes } from '../server-server-api/spaces.ts';
import { thirdPartyInviteRoutes } from '../server-server-api/third-party-invites.ts';
import { transactionRoutes } from '../server-server-api/transactions.ts';
import { userDeviceRoutes } from '../server-server-api/user-devices.ts';
import { userKeyRoutes } from '../server-server-api/user-keys.ts';
import { versionRoutes } from '../server-server-api/version.ts';
import { putAccountData } from '../storage/account-data.ts';
import { findContacts, searchUsers } from '../storage/user-directory.ts';
import { deleteTag, getAccountData, setAccountData, setTag, tagsOf } from '../users/account-data.ts';
import { deviceKeysOf, deviceListOf, receiveDeviceListUpdate } from '../users/device-lists.ts';
import { deleteDevicesOf, deviceOf, devicesOf, renameDeviceOf } from '../users/devices.ts';
import { newOpenIdToken, openIdUser } from '../users/openid.ts';
import { receivePresence } from '../users/presence-events.ts';
import { changePushRules, pushRulesetOf } from '../users/push-rules.ts';
import { receiveToDevice, sendToDevice } from '../users/to-device.ts';
import type { CommonParts } from './common-parts.ts';
import type { Media } from './open-media.ts';
import type { RoomsAndSync } from './open-rooms.ts';
import type { Users } from './open-users.ts';

/** All parts, as far as routes need them. */
export interface RouteParts {
  readonly common: CommonParts;
  readonly users: Users;
  readonly rooms: RoomsAndSync;
  readonly media: Media;
  readonly federation: Federation;
  readonly wellKnown: WellKnown;
}

export function clientRoutes(parts: RouteParts): ClientRoute[] {
  return [
    ...versionsRoutes(),
    ...capabilitiesRoutes(),
    ...wellKnownRoutes(parts.wellKnown),
    ...accountRoutes(parts),
    ...userDataRoutes(parts),
    ...roomRoutes(parts),
    ...contentRepositoryRoutes(parts.media.repository),
  ];
}

function accountRoutes({ common, users, rooms, wellKnown }: RouteParts): ClientRoute[] {
  const { db, clock, config, rateLimits, onError } = common;
  const { accounts, registration, uia, sessions, sharedSecret } = users;
  return [
    ...loginRoutes({ accounts, sessions, clientBaseUrl: wellKnown.clientBaseUrl }),
    ...logoutRoutes(sessions),
    ...refreshRoutes(sessions),
    ...registrationRoutes({ accounts, registration, uia, rateLimits }),
    ...whoamiRoutes(),
    ...deviceManagementRoutes({
      uia,
      devices: {
        list: (userId) => devicesOf(db, userId),
        get: (userId, deviceId) => deviceOf(db, userId, deviceId),
        rename: (userId, deviceId, name) => renameDeviceOf(db, userId, deviceId, name),
        delete: (userId, deviceIds) => deleteDevicesOf(db, userId, deviceIds),
      },
    }),
    ...accountManagementRoutes({
      accounts,
      uia,
      onDeactivated: (userId) => void leaveAllRooms(rooms.parts, userId).catch(onError),
    }),
    ...openIdRoutes({
      serverName: config.server_name,
      newOpenIdToken: (userId) => newOpenIdToken(db, clock, userId),
    }),
    ...setupRoutes({ accounts, setup: users.setup }),
    ...registrationTokenRoutes(registration.tokens),
    ...(sharedSecret === undefined
      ? []
      : sharedSecretRegistrationRoutes({
          serverName: config.server_name,
          accounts,
          registration,
          sharedSecret,
          setDisplayName: (userId, displayname) => users.profiles.setField(userId, 'displayname', { displayname }),
        })),
  ];
}

function userDataRoutes({ common: { db, config }, users }: RouteParts): ClientRoute[] {
  return [
    ...toDeviceRoutes((requester, request) => sendToDevice(db, config.server_name, requester, request)),
    ...profileRoutes(users.profiles),
    ...userDirectoryRoutes({ search: (...of) => searchUsers(db, ...of) }),
    ...accountDataRoutes({
      get: (...of) => getAccountData(db, ...of),
      set: (...of) => setAccountData(db, ...of),
    }),
    ...tagsRoutes({
      list: (...of) => tagsOf(db, ...of),
      set: (...of) => setTag(db, ...of),
      delete: (...of) => deleteTag(db, ...of),
    }),
    ...filterRoutes(users.filters),
    ...pushRulesRoutes({
      get: (userId) => pushRulesetOf(db, userId),
      change: (userId, change) => changePushRules(db, userId, change),
    }),
  ];
}

function roomRoutes({ common, rooms: { parts, typing, presence, sync }, users }: RouteParts): ClientRoute[] {
  const remoteSpaces = new RemoteSpaces(parts);
  return [
    ...roomCreationRoutes(parts, common.rateLimits),
    ...roomMembershipRoutes(parts),
    ...roomSendRoutes(parts),
    ...roomStateRoutes(parts),
    ...roomsRoutes(parts),
    ...relationRoutes(parts),
    ...spaceRoutes(parts, remoteSpaces),
    ...roomSummaryRoutes(parts, remoteSpaces),
    ...roomDirectoryRoutes(parts),
    ...receiptRoutes(parts, putAccountData),
    ...typingRoutes(parts, typing),
    ...presenceRoutes({
      presence,
      maySee: async (viewer, userId) => (await findContacts(parts.db, viewer, [userId])).length > 0,
    }),
    ...clientKeyRoutes(parts),
    ...syncRoutes(sync, users.filters.find, presence),
  ];
}

/** Who receives which EDUs of other servers. */
function eduReceivers({ common: { db, config }, rooms }: RouteParts): EduReceivers {
  return {
    ...roomEduReceivers(rooms.parts, rooms.typing),
    'm.direct_to_device': (origin, edu) => receiveToDevice(db, config.server_name, origin, edu),
    'm.device_list_update': (origin, edu) => receiveDeviceListUpdate(db, config.server_name, origin, edu),
    'm.presence': (origin, edu) => receivePresence(db, config.server_name, rooms.presence, origin, edu),
    'm.signing_key_update': (origin, edu) => receiveDeviceListUpdate(db, config.server_name, origin, edu),
  };
}

export function federationRoutes(parts: RouteParts): FederationRoute[] {
  const { common, federation, rooms, users, media } = parts;
  return [
    ...keyRoutes({ ownKeys: federation.ownKeys, notary: federation.notary, clock: common.clock }),
    ...versionRoutes('0.1.0'),
    ...federationOpenIdRoutes((token) => openIdUser(common.db, common.clock, token)),
    ...queryRoutes({
      serverName: common.config.server_name,
      profileOf: (userId) => users.profiles.getLocal(userId),
      resolveAlias: (alias) => localAliasTarget(rooms.parts, alias),
    }),
    ...federationContentRepositoryRoutes(media.repository),
    ...transactionRoutes(openTransactionReceiver(rooms.parts, rooms.receiving, eduReceivers(parts))),
    ...joinRoutes(rooms.parts),
    ...leaveRoutes(rooms.parts),
    ...inviteRoutes(rooms.parts),
    ...knockRoutes(rooms.parts),
    ...thirdPartyInviteRoutes(rooms.parts),
    ...policyRoutes(),
    ...userDeviceRoutes((userId) => deviceListOf(common.db, userId)),
    ...userKeyRoutes({
      queryKeys: (wanted) => deviceKeysOf(common.db, Object.keys(wanted)),
      claimKeys: async () => ({}),
    }),
    ...eventRoutes(rooms.parts, common.clock),
    ...eventAuthRoutes(rooms.parts),
    ...backfillRoutes(rooms.parts, common.clock),
    ...publicRoomsRoutes(rooms.parts),
    ...federationSpaceRoutes(rooms.parts),
  ];
}
