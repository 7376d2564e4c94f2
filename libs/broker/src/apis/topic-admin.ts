import type { Logger } from '@flywheel/core';
import type { Coordinator } from '../groups/coordinator.ts';
import { defineApi } from '../protocol/api.ts';
import {
  array,
  boolean,
  int16,
  int32,
  int64,
  nullableArray,
  nullableString,
  string,
  struct,
} from '../protocol/codec.ts';
import { errorCodes } from '../protocol/error-codes.ts';
import type { ErrorNumber } from '../protocol/error-codes.ts';
import { cleanupPolicies } from '../topic-configs.ts';
import type { Topics } from '../topics.ts';
import { mostPartitions } from './create-topics.ts';
import { nodeId } from './node.ts';

export function deleteTopics(topics: Topics, coordinator: Coordinator, log: Logger) {
  return defineApi({
    key: 20,
    minVersion: 1,
    maxVersion: 3,
    request: struct({ names: array(string), timeoutMs: int32 }),
    response: struct({
      throttleTimeMs: int32,
      results: array(struct({ name: string, error: int16 })),
    }),
    handle: async ({ names }) => ({
      throttleTimeMs: 0,
      results: await Promise.all(
        names.map(async (name) => {
          const topic = topics.get(name);
          if (!topic) return { name, error: errorCodes.unknownTopicOrPartition };
          const error = await orStorageError(log, async () => {
            await topics.delete(topic);
            await coordinator.offsets.deleteTopic(name);
          });
          return { name, error };
        }),
      ),
    }),
  });
}

export function createPartitions(topics: Topics, log: Logger) {
  return defineApi({
    key: 37,
    minVersion: 0,
    maxVersion: 1,
    request: struct({
      topics: array(
        struct({
          name: string,
          count: int32,
          assignments: nullableArray(struct({ brokers: array(int32) })),
        }),
      ),
      timeoutMs: int32,
      validateOnly: boolean,
    }),
    response: struct({
      throttleTimeMs: int32,
      results: array(struct({ name: string, error: int16, errorMessage: nullableString })),
    }),
    handle: async ({ topics: asked, validateOnly }) => ({
      throttleTimeMs: 0,
      results: await Promise.all(
        asked.map(async ({ name, count, assignments }) => {
          const topic = topics.get(name);
          const before = topic?.partitionCount ?? 0;
          const isMisplaced =
            assignments !== null &&
            (assignments.length !== count - before ||
              assignments.some(({ brokers }) => brokers.length !== 1 || brokers[0] !== nodeId));
          if (!topic) return failed(name, errorCodes.unknownTopicOrPartition, null);
          if (count <= before || count > mostPartitions)
            return failed(
              name,
              errorCodes.invalidPartitions,
              `Topic currently has ${before} partitions, which must grow, to ${mostPartitions} at most.`,
            );
          if (isMisplaced)
            return failed(
              name,
              errorCodes.invalidReplicaAssignment,
              'The assignment does not fit.',
            );
          const error = validateOnly
            ? errorCodes.none
            : await orStorageError(log, () => topics.setPartitionCount(topic, count));
          return failed(name, error, null);
        }),
      ),
    }),
  });
}

/** Moves the start of partitions; −1 means up to the end. */
export function deleteRecords(topics: Topics, log: Logger) {
  return defineApi({
    key: 21,
    minVersion: 0,
    maxVersion: 1,
    request: struct({
      topics: array(
        struct({ name: string, partitions: array(struct({ partition: int32, offset: int64 })) }),
      ),
      timeoutMs: int32,
    }),
    response: struct({
      throttleTimeMs: int32,
      topics: array(
        struct({
          name: string,
          partitions: array(struct({ partition: int32, lowWatermark: int64, error: int16 })),
        }),
      ),
    }),
    handle: async ({ topics: asked }) => ({
      throttleTimeMs: 0,
      topics: await Promise.all(
        asked.map(async ({ name, partitions }) => ({
          name,
          partitions: await Promise.all(
            partitions.map(async ({ partition, offset }) => ({
              partition,
              ...(await deleteUpTo(topics, name, partition, offset, log)),
            })),
          ),
        })),
      ),
    }),
  });
}

async function deleteUpTo(
  topics: Topics,
  name: string,
  partition: number,
  asked: number,
  log: Logger,
): Promise<{ lowWatermark: number; error: ErrorNumber }> {
  const topic = topics.get(name);
  const partitionLog = await topic?.log(partition);
  if (!topic || !partitionLog)
    return { lowWatermark: -1, error: errorCodes.unknownTopicOrPartition };
  if (!cleanupPolicies(topic.configs).has('delete'))
    return { lowWatermark: -1, error: errorCodes.policyViolation };
  const offset = asked === -1 ? partitionLog.highWatermark : asked;
  if (offset < 0 || offset > partitionLog.highWatermark)
    return { lowWatermark: -1, error: errorCodes.offsetOutOfRange };
  const mustMove = offset > partitionLog.startOffset;
  const error = mustMove
    ? await orStorageError(log, () => topics.setStart(topic, partition, offset))
    : errorCodes.none;
  return { lowWatermark: error === errorCodes.none ? partitionLog.startOffset : -1, error };
}

async function orStorageError(log: Logger, act: () => Promise<void>): Promise<ErrorNumber> {
  try {
    await act();
    return errorCodes.none;
  } catch (error) {
    log.error({ err: error }, 'topic change refused by the disk');
    return errorCodes.kafkaStorageError;
  }
}

function failed(name: string, error: ErrorNumber, errorMessage: string | null) {
  return { name, error, errorMessage };
}
