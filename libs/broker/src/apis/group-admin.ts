import type { Coordinator } from '../groups/coordinator.ts';
import { defineApi } from '../protocol/api.ts';
import {
  array,
  boolean,
  bytes,
  int16,
  int32,
  nullableString,
  since,
  string,
  struct,
} from '../protocol/codec.ts';
import { errorCodes } from '../protocol/error-codes.ts';

const operationsNotAsked = -2_147_483_648;

export function describeGroups(coordinator: Coordinator) {
  return defineApi({
    key: 15,
    minVersion: 0,
    maxVersion: 4,
    request: struct({
      groups: array(string),
      includeAuthorizedOperations: since(3, boolean, false),
    }),
    response: struct({
      throttleTimeMs: since(1, int32, 0),
      groups: array(
        struct({
          error: int16,
          groupId: string,
          state: string,
          protocolType: string,
          protocol: string,
          members: array(
            struct({
              memberId: string,
              groupInstanceId: since(4, nullableString, null),
              clientId: string,
              clientHost: string,
              metadata: bytes,
              assignment: bytes,
            }),
          ),
          authorizedOperations: since(3, int32, operationsNotAsked),
        }),
      ),
    }),
    handle: ({ groups }) => ({
      throttleTimeMs: 0,
      groups: groups.map((groupId) => describe(coordinator, groupId)),
    }),
  });
}

export function listGroups(coordinator: Coordinator) {
  return defineApi({
    key: 16,
    minVersion: 0,
    maxVersion: 2,
    request: struct({}),
    response: struct({
      throttleTimeMs: since(1, int32, 0),
      error: int16,
      groups: array(struct({ groupId: string, protocolType: string })),
    }),
    handle: () => ({
      throttleTimeMs: 0,
      error: errorCodes.none,
      groups: coordinator.list().map((groupId) => ({
        groupId,
        protocolType: coordinator.get(groupId)?.protocolType ?? '',
      })),
    }),
  });
}

export function deleteGroups(coordinator: Coordinator) {
  return defineApi({
    key: 42,
    minVersion: 0,
    maxVersion: 1,
    request: struct({ groups: array(string) }),
    response: struct({
      throttleTimeMs: int32,
      results: array(struct({ groupId: string, error: int16 })),
    }),
    handle: async ({ groups }) => ({
      throttleTimeMs: 0,
      results: await Promise.all(
        groups.map(async (groupId) => ({
          groupId,
          error: await coordinator.delete(groupId).catch(() => errorCodes.coordinatorNotAvailable),
        })),
      ),
    }),
  });
}

function describe(coordinator: Coordinator, groupId: string) {
  const group = coordinator.get(groupId);
  const stateWithoutMembers = coordinator.exists(groupId) ? 'Empty' : 'Dead';
  return {
    error: errorCodes.none,
    groupId,
    state: group?.state ?? stateWithoutMembers,
    protocolType: group?.protocolType ?? '',
    protocol: group?.protocolName ?? '',
    members: (group?.members ?? []).map((member) => ({
      memberId: member.id,
      groupInstanceId: member.groupInstanceId,
      clientId: member.clientId,
      clientHost: `/${member.clientHost}`,
      metadata: group?.metadataOf(member) ?? Buffer.alloc(0),
      assignment: group?.state === 'Stable' ? member.assignment : Buffer.alloc(0),
    })),
    authorizedOperations: operationsNotAsked,
  };
}
