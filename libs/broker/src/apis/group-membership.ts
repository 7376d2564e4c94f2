import type { Coordinator } from '../groups/coordinator.ts';
import type { Address } from './node.ts';
import { nodeId } from './node.ts';
import { defineApi } from '../protocol/api.ts';
import {
  array,
  bytes,
  int16,
  int32,
  int8,
  nullableString,
  since,
  string,
  struct,
  until,
} from '../protocol/codec.ts';
import { errorCodes } from '../protocol/error-codes.ts';

export function findCoordinator(advertised: () => Address) {
  return defineApi({
    key: 10,
    minVersion: 0,
    maxVersion: 2,
    request: struct({ key: string, keyType: since(1, int8, 0) }),
    response: struct({
      throttleTimeMs: since(1, int32, 0),
      error: int16,
      errorMessage: since(1, nullableString, null),
      nodeId: int32,
      host: string,
      port: int32,
    }),
    handle: () => ({
      throttleTimeMs: 0,
      error: errorCodes.none,
      errorMessage: null,
      nodeId,
      ...advertised(),
    }),
  });
}

export function joinGroup(coordinator: Coordinator) {
  return defineApi({
    key: 11,
    minVersion: 0,
    maxVersion: 5,
    request: struct({
      groupId: string,
      sessionTimeoutMs: int32,
      rebalanceTimeoutMs: since(1, int32, -1),
      memberId: string,
      groupInstanceId: since(5, nullableString, null),
      protocolType: string,
      protocols: array(struct({ name: string, metadata: bytes })),
    }),
    response: struct({
      throttleTimeMs: since(2, int32, 0),
      error: int16,
      generationId: int32,
      protocolName: string,
      leader: string,
      memberId: string,
      members: array(
        struct({
          memberId: string,
          groupInstanceId: since(5, nullableString, null),
          metadata: bytes,
        }),
      ),
    }),
    handle: async ({ groupId, rebalanceTimeoutMs, ...asked }, { version, clientId, host }) => ({
      throttleTimeMs: 0,
      ...(await coordinator.join(groupId, {
        ...asked,
        rebalanceTimeoutMs: rebalanceTimeoutMs < 0 ? asked.sessionTimeoutMs : rebalanceTimeoutMs,
        // the group keeps them: a view would keep the whole request
        protocols: asked.protocols.map(({ name, metadata }) => ({
          name,
          metadata: Buffer.from(metadata),
        })),
        clientId,
        clientHost: host,
        needsKnownMemberId: version >= 4,
      })),
    }),
  });
}

export function syncGroup(coordinator: Coordinator) {
  return defineApi({
    key: 14,
    minVersion: 0,
    maxVersion: 3,
    request: struct({
      groupId: string,
      generationId: int32,
      memberId: string,
      groupInstanceId: since(3, nullableString, null),
      assignments: array(struct({ memberId: string, assignment: bytes })),
    }),
    response: struct({ throttleTimeMs: since(1, int32, 0), error: int16, assignment: bytes }),
    handle: async ({ groupId, assignments, ...speaker }) => ({
      throttleTimeMs: 0,
      ...(await coordinator.sync(groupId, speaker, assignments)),
    }),
  });
}

export function heartbeat(coordinator: Coordinator) {
  return defineApi({
    key: 12,
    minVersion: 0,
    maxVersion: 3,
    request: struct({
      groupId: string,
      generationId: int32,
      memberId: string,
      groupInstanceId: since(3, nullableString, null),
    }),
    response: struct({ throttleTimeMs: since(1, int32, 0), error: int16 }),
    handle: ({ groupId, ...speaker }) => ({
      throttleTimeMs: 0,
      error: coordinator.heartbeat(groupId, speaker),
    }),
  });
}

export function leaveGroup(coordinator: Coordinator) {
  const member = struct({ memberId: string, groupInstanceId: nullableString });
  return defineApi({
    key: 13,
    minVersion: 0,
    maxVersion: 3,
    request: struct({
      groupId: string,
      memberId: until(2, string, ''),
      members: since(3, array(member), []),
    }),
    response: struct({
      throttleTimeMs: since(1, int32, 0),
      error: int16,
      members: since(
        3,
        array(struct({ memberId: string, groupInstanceId: nullableString, error: int16 })),
        [],
      ),
    }),
    handle: ({ groupId, memberId, members }, { version }) => {
      if (version < 3) {
        const error = coordinator.leave(groupId, memberId, null);
        return { throttleTimeMs: 0, error, members: [] };
      }
      const left = members.map((one) => ({
        ...one,
        error: coordinator.leave(groupId, one.memberId, one.groupInstanceId),
      }));
      return { throttleTimeMs: 0, error: errorCodes.none, members: left };
    },
  });
}
