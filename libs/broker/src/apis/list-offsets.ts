import { defineApi } from '../protocol/api.ts';
import { array, int16, int32, int64, int8, since, string, struct } from '../protocol/codec.ts';
import { errorCodes } from '../protocol/error-codes.ts';
import type { Topics } from '../topics.ts';

const latest = -1;
const earliest = -2;

export function listOffsets(topics: Topics) {
  return defineApi({
    key: 2,
    minVersion: 1,
    maxVersion: 5,
    request: struct({
      replicaId: int32,
      isolationLevel: since(2, int8, 0),
      topics: array(
        struct({
          name: string,
          partitions: array(
            struct({
              partition: int32,
              currentLeaderEpoch: since(4, int32, -1),
              timestamp: int64,
            }),
          ),
        }),
      ),
    }),
    response: struct({
      throttleTimeMs: since(2, int32, 0),
      topics: array(
        struct({
          name: string,
          partitions: array(
            struct({
              partition: int32,
              error: int16,
              timestamp: int64,
              offset: int64,
              leaderEpoch: since(4, int32, -1),
            }),
          ),
        }),
      ),
    }),
    handle: async (asked) => ({
      throttleTimeMs: 0,
      topics: await Promise.all(
        asked.topics.map(async ({ name, partitions }) => ({
          name,
          partitions: await Promise.all(
            partitions.map(async ({ partition, timestamp }) => ({
              partition,
              leaderEpoch: -1,
              ...(await find(topics, name, partition, timestamp)),
            })),
          ),
        })),
      ),
    }),
  });
}

async function find(topics: Topics, name: string, partition: number, timestamp: number) {
  const log = await topics.get(name)?.log(partition);
  if (!log) return { error: errorCodes.unknownTopicOrPartition, timestamp: -1, offset: -1 };
  if (timestamp === latest) return { error: 0, timestamp: -1, offset: log.highWatermark };
  if (timestamp === earliest) return { error: 0, timestamp: -1, offset: log.startOffset };
  return { error: 0, ...((await log.offsetAtTime(timestamp)) ?? { timestamp: -1, offset: -1 }) };
}
