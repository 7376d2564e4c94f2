import { defineApi } from '../protocol/api.ts';
import {
  array,
  boolean,
  int16,
  int32,
  nullableArray,
  nullableString,
  since,
  string,
  struct,
} from '../protocol/codec.ts';
import { errorCodes } from '../protocol/error-codes.ts';
import { isTopicName } from '../topic-names.ts';
import type { Topic } from '../topic.ts';
import type { Topics } from '../topics.ts';
import { nodeId } from './node.ts';
import type { Address } from './node.ts';

const operationsNotAsked = -2_147_483_648;

export function metadata(topics: Topics, advertised: () => Address) {
  return defineApi({
    key: 3,
    minVersion: 0,
    maxVersion: 8,
    request: struct({
      topics: nullableArray(string),
      allowAutoTopicCreation: since(4, boolean, false),
      includeClusterAuthorizedOperations: since(8, boolean, false),
      includeTopicAuthorizedOperations: since(8, boolean, false),
    }),
    response: struct({
      throttleTimeMs: since(3, int32, 0),
      brokers: array(
        struct({ nodeId: int32, host: string, port: int32, rack: since(1, nullableString, null) }),
      ),
      clusterId: since(2, nullableString, null),
      controllerId: since(1, int32, nodeId),
      topics: array(
        struct({
          error: int16,
          name: string,
          isInternal: since(1, boolean, false),
          partitions: array(
            struct({
              error: int16,
              partition: int32,
              leader: int32,
              leaderEpoch: since(7, int32, -1),
              replicas: array(int32),
              inSyncReplicas: array(int32),
              offlineReplicas: since(5, array(int32), []),
            }),
          ),
          authorizedOperations: since(8, int32, operationsNotAsked),
        }),
      ),
      clusterAuthorizedOperations: since(8, int32, operationsNotAsked),
    }),
    handle: ({ topics: names }, { version }) => {
      const wantsAll = names === null || (version === 0 && names.length === 0);
      return {
        throttleTimeMs: 0,
        brokers: [{ nodeId, ...advertised(), rack: null }],
        clusterId: topics.clusterId,
        controllerId: nodeId,
        topics: wantsAll
          ? topics.list().map((topic) => describe(topic.name, topic))
          : names.map((name) => describe(name, topics.get(name))),
        clusterAuthorizedOperations: operationsNotAsked,
      };
    },
  });
}

/** Topics are never made by asking for them. */
function describe(name: string, topic: Topic | undefined) {
  const missing = isTopicName(name) ? errorCodes.unknownTopicOrPartition : errorCodes.invalidTopic;
  return {
    error: topic ? errorCodes.none : missing,
    name,
    isInternal: false,
    partitions: Array.from({ length: topic?.partitionCount ?? 0 }, (_, partition) => ({
      error: errorCodes.none,
      partition,
      leader: nodeId,
      leaderEpoch: -1,
      replicas: [nodeId],
      inSyncReplicas: [nodeId],
      offlineReplicas: [],
    })),
    authorizedOperations: operationsNotAsked,
  };
}
