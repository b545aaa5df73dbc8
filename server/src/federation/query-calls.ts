import { canonicalJson } from '../protocol/canonical-json.ts';
import type { RoomAlias, RoomId, ServerName, UserId } from '../protocol/event.ts';
import { isRoomId, isServerName } from '../protocol/identifiers.ts';
import type { JsonObject } from '../protocol/json.ts';
import { answerReader } from './answer-shape.ts';
import { badAnswer } from './federation-error.ts';
import { federationPath, withQuery } from './request-path.ts';
import type { CallOptions, SignedRequests } from './signed-request.ts';

const MiB = 1024 * 1024;
const SMALL = { maxBytes: MiB, deadlineMs: 20_000 };
const LARGE = { maxBytes: 10 * MiB, deadlineMs: 30_000 };

/** Questions about users, aliases, rooms and keys (Server-Server API, "Querying for information" to "End-to-End Encryption"). */
export interface QueryCalls {
  /** GET /_matrix/federation/v1/version */
  version(
    destination: ServerName,
    options?: CallOptions,
  ): Promise<{ readonly name: string | undefined; readonly version: string | undefined }>;
  /** GET /_matrix/federation/v1/query/directory */
  queryDirectory(
    destination: ServerName,
    request: { roomAlias: RoomAlias },
    options?: CallOptions,
  ): Promise<{ readonly roomId: RoomId; readonly servers: ServerName[] }>;
  /** GET /_matrix/federation/v1/query/profile: any keys, none of them checked. */
  queryProfile(
    destination: ServerName,
    request: { userId: UserId; field?: string },
    options?: CallOptions,
  ): Promise<JsonObject>;
  /** GET or, with a filter, POST /_matrix/federation/v1/publicRooms. `chunk` is a list of objects; the rest is not checked. */
  publicRooms(
    destination: ServerName,
    request: {
      limit?: number;
      since?: string;
      filter?: JsonObject;
      includeAllNetworks?: boolean;
      thirdPartyInstanceId?: string;
    },
    options?: CallOptions,
  ): Promise<JsonObject & { chunk: JsonObject[] }>;
  /** GET /_matrix/federation/v1/hierarchy/{roomId}. Rooms are objects of which nothing is checked. */
  hierarchy(
    destination: ServerName,
    request: { roomId: RoomId; suggestedOnly?: boolean },
    options?: CallOptions,
  ): Promise<{ readonly room: JsonObject; readonly children: JsonObject[]; readonly inaccessibleChildren: RoomId[] }>;
  /** GET /_matrix/federation/v1/user/devices/{userId}. `devices` is a list of objects. */
  userDevices(
    destination: ServerName,
    request: { userId: UserId },
    options?: CallOptions,
  ): Promise<JsonObject & { devices: JsonObject[] }>;
  /** POST /_matrix/federation/v1/user/keys/query. `device_keys` is an object. */
  keysQuery(
    destination: ServerName,
    request: { deviceKeys: JsonObject },
    options?: CallOptions,
  ): Promise<JsonObject & { device_keys: JsonObject }>;
  /** POST /_matrix/federation/v1/user/keys/claim. `one_time_keys` is an object. */
  keysClaim(
    destination: ServerName,
    request: { oneTimeKeys: JsonObject },
    options?: CallOptions,
  ): Promise<JsonObject & { one_time_keys: JsonObject }>;
}

export function queryCalls(requests: SignedRequests): QueryCalls {
  async function get(
    destination: ServerName,
    path: string,
    limits = SMALL,
    options?: CallOptions,
  ): Promise<JsonObject> {
    const answer = await requests.json(destination, { method: 'GET', path, ...limits, options });
    return answerReader(destination).object(answer, 'it');
  }

  async function post(
    destination: ServerName,
    path: string,
    body: JsonObject,
    options?: CallOptions,
  ): Promise<JsonObject> {
    const request = { method: 'POST', path, content: canonicalJson(body), ...LARGE, options } as const;
    return answerReader(destination).object(await requests.json(destination, request), 'it');
  }

  return {
    async version(destination, options) {
      const answer = await get(destination, federationPath('v1', 'version'), SMALL, options);
      const server = answer.server === undefined ? {} : answerReader(destination).object(answer.server, 'server');
      const { name, version } = server;
      return {
        name: typeof name === 'string' ? name.slice(0, 255) : undefined,
        version: typeof version === 'string' ? version.slice(0, 255) : undefined,
      };
    },

    async queryDirectory(destination, { roomAlias }, options) {
      const path = withQuery(federationPath('v1', 'query', 'directory'), { room_alias: roomAlias });
      const answer = await get(destination, path, SMALL, options);
      if (!isRoomId(answer.room_id)) throw badAnswer(destination, 'room_id is not a room id');
      const servers = answerReader(destination).strings(answer.servers, 'servers').filter(isServerName);
      return { roomId: answer.room_id, servers };
    },

    queryProfile: (destination, { userId, field }, options) =>
      get(destination, withQuery(federationPath('v1', 'query', 'profile'), { user_id: userId, field }), SMALL, options),

    async publicRooms(destination, request, options) {
      const { limit, since, filter, includeAllNetworks, thirdPartyInstanceId } = request;
      const path = federationPath('v1', 'publicRooms');
      const parameters = {
        limit,
        since,
        include_all_networks: includeAllNetworks,
        third_party_instance_id: thirdPartyInstanceId,
      };
      const answer =
        filter === undefined
          ? await get(destination, withQuery(path, parameters), LARGE, options)
          : await post(destination, path, { ...parameters, filter }, options);
      return { ...answer, chunk: answerReader(destination).objects(answer.chunk, 'chunk') };
    },

    async hierarchy(destination, { roomId, suggestedOnly }, options) {
      const path = withQuery(federationPath('v1', 'hierarchy', roomId), { suggested_only: suggestedOnly });
      const answer = await get(destination, path, LARGE, options);
      const read = answerReader(destination);
      const inaccessible = answer.inaccessible_children;
      return {
        room: read.object(answer.room, 'room'),
        children: read.objects(answer.children, 'children'),
        inaccessibleChildren:
          inaccessible === undefined ? [] : read.strings(inaccessible, 'inaccessible_children').filter(isRoomId),
      };
    },

    async userDevices(destination, { userId }, options) {
      const answer = await get(destination, federationPath('v1', 'user', 'devices', userId), LARGE, options);
      return { ...answer, devices: answerReader(destination).objects(answer.devices, 'devices') };
    },

    async keysQuery(destination, { deviceKeys }, options) {
      const path = federationPath('v1', 'user', 'keys', 'query');
      const answer = await post(destination, path, { device_keys: deviceKeys }, options);
      return { ...answer, device_keys: answerReader(destination).object(answer.device_keys, 'device_keys') };
    },

    async keysClaim(destination, { oneTimeKeys }, options) {
      const path = federationPath('v1', 'user', 'keys', 'claim');
      const answer = await post(destination, path, { one_time_keys: oneTimeKeys }, options);
      return { ...answer, one_time_keys: answerReader(destination).object(answer.one_time_keys, 'one_time_keys') };
    },
  };
}
