import type { Logger } from '@flywheel/core';
import type { Coordinator } from '../groups/coordinator.ts';
import { defineApi } from '../protocol/api.ts';
import {
  array,
  int16,
  int32,
  int64,
  nullableArray,
  nullableString,
  since,
  string,
  struct,
  until,
} from '../protocol/codec.ts';
import { errorCodes } from '../protocol/error-codes.ts';
import type { ErrorNumber } from '../protocol/error-codes.ts';
import type { Topics } from '../topics.ts';

const longestMetadataBytes = 4096;

/** Negative offsets are stored like any other: kafkajs commits −1 and −2 to mean the end and the beginning. */
export function offsetCommit(coordinator: Coordinator, topics: Topics, log: Logger) {
  return defineApi({
    key: 8,
    minVersion: 2,
    maxVersion: 7,
    request: struct({
      groupId: string,
      generationId: int32,
      memberId: string,
      groupInstanceId: since(7, nullableString, null),
      retentionTimeMs: until(4, int64, -1),
      topics: array(
        struct({
          name: string,
          partitions: array(
            struct({
              partition: int32,
              offset: int64,
              leaderEpoch: since(6, int32, -1),
              metadata: nullableString,
            }),
          ),
        }),
      ),
    }),
    response: struct({
      throttleTimeMs: since(3, int32, 0),
      topics: array(
        struct({ name: string, partitions: array(struct({ partition: int32, error: int16 })) }),
      ),
    }),
    handle: async ({ groupId, topics: asked, ...speaker }) => {
      const refusal = coordinator.checkCommit(groupId, speaker);
      const judged = asked.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map((one) => ({
          ...one,
          error: refusal === errorCodes.none ? judge(topics, name, one) : refusal,
        })),
      }));
      const accepted = judged.flatMap(({ name, partitions }) =>
        partitions
          .filter(({ error }) => error === errorCodes.none)
          .map(({ partition, offset, leaderEpoch, metadata }) => ({
            topic: name,
            partition,
            offset,
            leaderEpoch,
            metadata,
          })),
      );
      const failure = await commit(coordinator, groupId, accepted, log);
      return {
        throttleTimeMs: 0,
        topics: judged.map(({ name, partitions }) => ({
          name,
          partitions: partitions.map(({ partition, error }) => ({
            partition,
            error: error === errorCodes.none ? failure : error,
          })),
        })),
      };
    },
  });
}

export function offsetFetch(coordinator: Coordinator) {
  return defineApi({
    key: 9,
    minVersion: 1,
    maxVersion: 5,
    request: struct({
      groupId: string,
      topics: nullableArray(struct({ name: string, partitions: array(int32) })),
    }),
    response: struct({
      throttleTimeMs: since(3, int32, 0),
      topics: array(
        struct({
          name: string,
          partitions: array(
            struct({
              partition: int32,
              offset: int64,
              leaderEpoch: since(5, int32, -1),
              metadata: nullableString,
              error: int16,
            }),
          ),
        }),
      ),
      error: since(2, int16, 0),
    }),
    handle: ({ groupId, topics: asked }) => ({
      throttleTimeMs: 0,
      topics: (asked ?? everything(coordinator, groupId)).map(({ name, partitions }) => ({
        name,
        partitions: partitions.map((partition) => {
          const known = coordinator.offsets.get(groupId, name, partition);
          return {
            partition,
            offset: known?.offset ?? -1,
            leaderEpoch: known?.leaderEpoch ?? -1,
            metadata: known?.metadata ?? '',
            error: errorCodes.none,
          };
        }),
      })),
      error: errorCodes.none,
    }),
  });
}

function judge(
  topics: Topics,
  name: string,
  { partition, metadata }: { partition: number; metadata: string | null },
): ErrorNumber {
  const count = topics.get(name)?.partitionCount ?? 0;
  if (partition < 0 || partition >= count) return errorCodes.unknownTopicOrPartition;
  const isTooLong = Buffer.byteLength(metadata ?? '') > longestMetadataBytes;
  return isTooLong ? errorCodes.offsetMetadataTooLarge : errorCodes.none;
}

/** A disk that takes nothing is answered with an error after which clients try again. */
async function commit(
  coordinator: Coordinator,
  groupId: string,
  offsets: Parameters<Coordinator['commit']>[1],
  log: Logger,
): Promise<ErrorNumber> {
  try {
    await coordinator.commit(groupId, offsets);
    return errorCodes.none;
  } catch (error) {
    log.error({ err: error, groupId }, 'offset commit refused by the disk');
    return errorCodes.coordinatorNotAvailable;
  }
}

function everything(coordinator: Coordinator, groupId: string) {
  const partitionsByTopic = new Map<string, number[]>();
  for (const { topic, partition } of coordinator.offsets.of(groupId)) {
    const partitions = partitionsByTopic.get(topic) ?? [];
    partitions.push(partition);
    partitionsByTopic.set(topic, partitions);
  }
  return [...partitionsByTopic].map(([name, partitions]) => ({ name, partitions }));
}
