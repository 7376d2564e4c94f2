import { defineApi } from '../protocol/api.ts';
import {
  array,
  int16,
  int32,
  int64,
  int8,
  nullableArray,
  records,
  since,
  string,
  struct,
} from '../protocol/codec.ts';
import type { Decoded } from '../protocol/codec.ts';
import { errorCodes } from '../protocol/error-codes.ts';
import type { ErrorNumber } from '../protocol/error-codes.ts';
import type { PartitionLog } from '../log/partition-log.ts';
import type { Slice } from '../log/slices.ts';
import type { Topics } from '../topics.ts';

const request = struct({
  replicaId: int32,
  maxWaitMs: int32,
  minBytes: int32,
  maxBytes: since(3, int32, 0x7fff_ffff),
  isolationLevel: since(4, int8, 0),
  sessionId: since(7, int32, 0),
  sessionEpoch: since(7, int32, -1),
  topics: array(
    struct({
      name: string,
      partitions: array(
        struct({
          partition: int32,
          currentLeaderEpoch: since(9, int32, -1),
          fetchOffset: int64,
          logStartOffset: since(5, int64, -1),
          maxBytes: int32,
        }),
      ),
    }),
  ),
  forgottenTopics: since(7, array(struct({ name: string, partitions: array(int32) })), []),
  rackId: since(11, string, ''),
});

const response = struct({
  throttleTimeMs: since(1, int32, 0),
  error: since(7, int16, 0),
  sessionId: since(7, int32, 0),
  topics: array(
    struct({
      name: string,
      partitions: array(
        struct({
          partition: int32,
          error: int16,
          highWatermark: int64,
          lastStableOffset: since(4, int64, -1),
          logStartOffset: since(5, int64, -1),
          abortedTransactions: since(
            4,
            nullableArray(struct({ producerId: int64, firstOffset: int64 })),
            null,
          ),
          preferredReadReplica: since(11, int32, -1),
          records,
        }),
      ),
    }),
  ),
});

type FetchRequest = Decoded<typeof request>;
type FetchResponse = Decoded<typeof response>;

/** One partition of a fetch, with its log if it can be read. */
type Wanted = {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly maxBytes: number;
  readonly log: PartitionLog | undefined;
};

export function fetch(topics: Topics, limits: { maxFetchBytes: number; maxWaitMs: number }) {
  return defineApi({
    key: 1,
    minVersion: 4,
    maxVersion: 11,
    request,
    response,
    handle: async (asked, caller) => {
      const wanted = await resolve(topics, asked);
      const waitMs = Math.min(asked.maxWaitMs, limits.maxWaitMs);
      await enough(wanted, { minBytes: asked.minBytes, waitMs, gone: caller.gone });
      if (caller.gone.aborted) return undefined;
      return answer(wanted, Math.min(asked.maxBytes, limits.maxFetchBytes));
    },
  });
}

async function resolve(topics: Topics, asked: FetchRequest): Promise<readonly Wanted[]> {
  const wanted = asked.topics.flatMap(({ name, partitions }) =>
    partitions.map(async ({ partition, fetchOffset, maxBytes }) => {
      const topic = topics.get(name);
      const log = topic?.openLog(partition) ?? (await topic?.log(partition));
      return { topic: name, partition, offset: fetchOffset, maxBytes, log };
    }),
  );
  return Promise.all(wanted);
}

function errorOf({ log, offset }: Wanted): ErrorNumber {
  if (!log || log.isClosed) return errorCodes.unknownTopicOrPartition;
  const isOutside = offset < log.startOffset || offset > log.highWatermark;
  return isOutside ? errorCodes.offsetOutOfRange : errorCodes.none;
}

/**
 * Resolves when `minBytes` are there, a partition cannot be read, the time is up or the caller is gone. A wake-up
 * costs as much as the partition it comes from, however many the fetch names.
 */
function enough(
  wanted: readonly Wanted[],
  { minBytes, waitMs, gone }: { minBytes: number; waitMs: number; gone: AbortSignal },
): Promise<void> | undefined {
  const available = wanted.map((one) => one.log?.availableBytes(one.offset) ?? 0);
  let total = available.reduce((sum, bytes) => sum + bytes, 0);
  const hasError = wanted.some((one) => errorOf(one) !== errorCodes.none);
  if (hasError || total >= minBytes || waitMs <= 0 || gone.aborted) return undefined;
  return new Promise((wake) => {
    const done = () => {
      clearTimeout(timer);
      gone.removeEventListener('abort', done);
      for (const stop of stops) stop?.();
      wake();
    };
    const stops = wanted.map((one, index) =>
      one.log?.watch(() => {
        const bytes = one.log?.availableBytes(one.offset) ?? 0;
        total += bytes - (available[index] as number);
        available[index] = bytes;
        if (total >= minBytes || errorOf(one) !== errorCodes.none) done();
      }),
    );
    const timer = setTimeout(done, waitMs);
    gone.addEventListener('abort', done);
  });
}

/** The limits are soft for the first batch of all, so that a record larger than they are can be read (KIP-74). */
async function answer(wanted: readonly Wanted[], maxBytes: number): Promise<FetchResponse> {
  const byTopic = new Map<string, FetchResponse['topics'][number]['partitions'][number][]>();
  let left = maxBytes;
  let isEmpty = true;
  for (const one of wanted) {
    const error = errorOf(one);
    const limit = Math.min(one.maxBytes, left);
    const canGive: boolean = error === errorCodes.none && (limit > 0 || isEmpty);
    const slice: Slice | undefined = canGive
      ? await one.log?.read(one.offset, limit, isEmpty)
      : undefined;
    left -= slice?.sizeBytes ?? 0;
    isEmpty &&= (slice?.sizeBytes ?? 0) === 0;
    const partitions = byTopic.get(one.topic) ?? [];
    byTopic.set(one.topic, partitions);
    partitions.push({
      partition: one.partition,
      error,
      highWatermark: one.log?.highWatermark ?? -1,
      lastStableOffset: one.log?.highWatermark ?? -1,
      logStartOffset: one.log?.startOffset ?? -1,
      abortedTransactions: null,
      preferredReadReplica: -1,
      records: slice?.chunks ?? [],
    });
  }
  return {
    throttleTimeMs: 0,
    error: errorCodes.none,
    sessionId: 0, // fetch sessions are declined
    topics: [...byTopic].map(([name, partitions]) => ({ name, partitions })),
  };
}
