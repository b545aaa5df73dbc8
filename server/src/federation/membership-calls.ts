import { canonicalJson } from '../protocol/canonical-json.ts';
import type { EventId, RoomId, ServerName, UserId } from '../protocol/event.ts';
import { isServerName } from '../protocol/identifiers.ts';
import type { JsonObject } from '../protocol/json.ts';
import { answerReader, pdusOf, type UnverifiedPdu } from './answer-shape.ts';
import { badAnswer, FederationError } from './federation-error.ts';
import { federationPath, withQuery } from './request-path.ts';
import type { CallOptions, SignedRequests } from './signed-request.ts';

const MiB = 1024 * 1024;
const SMALL = { maxBytes: MiB, deadlineMs: 30_000 };
/** The state and the auth chain of a large room. */
const WHOLE_ROOM = { maxBytes: 100 * MiB, deadlineMs: 180_000 };

/** An unsigned event to be filled in. Everything in it but the room version is only a proposal of the peer's. */
export interface EventTemplate {
  readonly roomVersion: string | undefined;
  readonly event: JsonObject;
}

export interface SentEvent {
  readonly roomId: RoomId;
  readonly eventId: EventId;
  readonly event: JsonObject;
}

export interface JoinedRoom {
  /** The join event as the peer accepted it, with its signature added in restricted rooms. */
  readonly event: UnverifiedPdu | undefined;
  readonly state: UnverifiedPdu[];
  readonly authChain: UnverifiedPdu[];
  readonly membersOmitted: boolean;
  /** Present when members were omitted. */
  readonly serversInRoom: ServerName[] | undefined;
}

/** Joining, leaving, knocking and inviting (Server-Server API, "Joining Rooms" to "Leaving Rooms"). */
export interface MembershipCalls {
  /** GET /_matrix/federation/v1/make_join/{roomId}/{userId} */
  makeJoin(
    destination: ServerName,
    request: { roomId: RoomId; userId: UserId; versions: readonly string[] },
    options?: CallOptions,
  ): Promise<EventTemplate>;
  /** PUT /_matrix/federation/v2/send_join/{roomId}/{eventId} */
  sendJoin(
    destination: ServerName,
    request: SentEvent & { omitMembers?: boolean },
    options?: CallOptions,
  ): Promise<JoinedRoom>;
  /** GET /_matrix/federation/v1/make_leave/{roomId}/{userId} */
  makeLeave(
    destination: ServerName,
    request: { roomId: RoomId; userId: UserId },
    options?: CallOptions,
  ): Promise<EventTemplate>;
  /** PUT /_matrix/federation/v2/send_leave/{roomId}/{eventId} */
  sendLeave(destination: ServerName, request: SentEvent, options?: CallOptions): Promise<void>;
  /** GET /_matrix/federation/v1/make_knock/{roomId}/{userId} */
  makeKnock(
    destination: ServerName,
    request: { roomId: RoomId; userId: UserId; versions: readonly string[] },
    options?: CallOptions,
  ): Promise<EventTemplate & { readonly roomVersion: string }>;
  /** PUT /_matrix/federation/v1/send_knock/{roomId}/{eventId} */
  sendKnock(
    destination: ServerName,
    request: SentEvent,
    options?: CallOptions,
  ): Promise<{ readonly knockRoomState: JsonObject[] }>;
  /**
   * PUT /_matrix/federation/v2/invite/{roomId}/{eventId}; where that is unknown and the room has version 1 or 2, the same
   * under v1. Answers the event with the invited server's signature.
   */
  invite(
    destination: ServerName,
    request: SentEvent & { roomVersion: string; inviteRoomState: readonly JsonObject[] },
    options?: CallOptions,
  ): Promise<{ readonly event: UnverifiedPdu }>;
  /** PUT /_matrix/federation/v1/exchange_third_party_invite/{roomId} */
  exchangeThirdPartyInvite(
    destination: ServerName,
    request: { roomId: RoomId; sender: string; invitee: string; signed: JsonObject },
    options?: CallOptions,
  ): Promise<void>;
}

export function membershipCalls(requests: SignedRequests): MembershipCalls {
  async function make(destination: ServerName, path: string, options: CallOptions | undefined): Promise<EventTemplate> {
    const read = answerReader(destination);
    const answer = read.object(await requests.json(destination, { method: 'GET', path, ...SMALL, options }), 'it');
    const version = answer.room_version;
    return {
      roomVersion: version === undefined ? undefined : read.string(version, 'room_version'),
      event: read.object(answer.event, 'event'),
    };
  }

  function put(destination: ServerName, path: string, body: JsonObject, limits: typeof SMALL, options?: CallOptions) {
    return requests.json(destination, { method: 'PUT', path, content: canonicalJson(body), ...limits, options });
  }

  return {
    makeJoin: (destination, { roomId, userId, versions }, options) =>
      make(destination, withQuery(federationPath('v1', 'make_join', roomId, userId), { ver: versions }), options),

    async sendJoin(destination, { roomId, eventId, event, omitMembers }, options) {
      const path = withQuery(federationPath('v2', 'send_join', roomId, eventId), { omit_members: omitMembers });
      const read = answerReader(destination);
      const answer = read.object(await put(destination, path, event, WHOLE_ROOM, options), 'it');
      const servers = answer.servers_in_room;
      return {
        event: answer.event === undefined ? undefined : read.object(answer.event, 'event'),
        state: pdusOf(destination, answer.state, 'state'),
        authChain: pdusOf(destination, answer.auth_chain, 'auth_chain'),
        membersOmitted: answer.members_omitted === true,
        serversInRoom:
          servers === undefined ? undefined : read.strings(servers, 'servers_in_room').filter(isServerName),
      };
    },

    makeLeave: (destination, { roomId, userId }, options) =>
      make(destination, federationPath('v1', 'make_leave', roomId, userId), options),

    async sendLeave(destination, { roomId, eventId, event }, options) {
      await put(destination, federationPath('v2', 'send_leave', roomId, eventId), event, SMALL, options);
    },

    async makeKnock(destination, { roomId, userId, versions }, options) {
      const path = withQuery(federationPath('v1', 'make_knock', roomId, userId), { ver: versions });
      const { roomVersion, event } = await make(destination, path, options);
      if (roomVersion === undefined) throw badAnswer(destination, 'room_version is missing');
      return { roomVersion, event };
    },

    async sendKnock(destination, { roomId, eventId, event }, options) {
      const path = federationPath('v1', 'send_knock', roomId, eventId);
      const read = answerReader(destination);
      const answer = read.object(await put(destination, path, event, SMALL, options), 'it');
      return { knockRoomState: read.objects(answer.knock_room_state, 'knock_room_state') };
    },

    async invite(destination, { roomId, eventId, event, roomVersion, inviteRoomState }, options) {
      const read = answerReader(destination);
      const body = { room_version: roomVersion, event, invite_room_state: [...inviteRoomState] };
      try {
        const path = federationPath('v2', 'invite', roomId, eventId);
        const answer = read.object(await put(destination, path, body, SMALL, options), 'it');
        return { event: read.object(answer.event, 'event') };
      } catch (error) {
        const status = error instanceof FederationError ? error.remote?.status : undefined;
        const mayBeOld = (status === 400 || status === 404) && (roomVersion === '1' || roomVersion === '2');
        if (!mayBeOld) throw error;
      }
      const path = federationPath('v1', 'invite', roomId, eventId);
      const old = {
        ...event,
        unsigned: { ...(event.unsigned as JsonObject), invite_room_state: [...inviteRoomState] },
      };
      const answer = await put(destination, path, old, SMALL, options);
      // Under v1 the answer is a list of the status and the body.
      const content = read.object(Array.isArray(answer) ? answer[1] : undefined, 'its second item');
      return { event: read.object(content.event, 'event') };
    },

    async exchangeThirdPartyInvite(destination, { roomId, sender, invitee, signed }, options) {
      const path = federationPath('v1', 'exchange_third_party_invite', roomId);
      // The name under which the room shows the identifier is in the room.
      const content = { membership: 'invite', third_party_invite: { display_name: '', signed } };
      const event = { type: 'm.room.member', room_id: roomId, sender, state_key: invitee, content };
      await put(destination, path, event, SMALL, options);
    },
  };
}
