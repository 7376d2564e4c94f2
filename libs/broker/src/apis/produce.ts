import { AppError } from '@flywheel/core';
import type { Logger } from '@flywheel/core';
import { codecs } from '../log/batch.ts';
import type { Appended } from '../log/partition-log.ts';
import { defineApi } from '../protocol/api.ts';
import {
  array,
  int16,
  int32,
  int64,
  nullableString,
  records,
  since,
  string,
  struct,
} from '../protocol/codec.ts';
import type { Decoded } from '../protocol/codec.ts';
import { errorCodes } from '../protocol/error-codes.ts';
import type { ErrorNumber } from '../protocol/error-codes.ts';
import type { Topics } from '../topics.ts';

const request = struct({
  transactionalId: since(3, nullableString, null),
  acks: int16,
  timeoutMs: int32,
  topics: array(struct({ name: string, partitions: array(struct({ partition: int32, records })) })),
});

const response = struct({
  topics: array(
    struct({
      name: string,
      partitions: array(
        struct({
          partition: int32,
          error: int16,
          baseOffset: int64,
          logAppendTimeMs: since(2, int64, -1),
          logStartOffset: since(5, int64, -1),
          recordErrors: since(8, array(struct({ batchIndex: int32, message: nullableString })), []),
          errorMessage: since(8, nullableString, null),
        }),
      ),
    }),
  ),
  throttleTimeMs: since(1, int32, 0),
});

type PartitionRequest = Decoded<typeof request>['topics'][number]['partitions'][number];
type Outcome = Appended | { readonly error: ErrorNumber };

const firstVersion = 3; // older ones carry older record formats
const firstVersionOfZstd = 7;

export function produce(topics: Topics, log: Logger) {
  return defineApi({
    key: 0,
    // 0–2 are offered because librdkafka turns compression off unless 0 is (its issue 4956), and then refused
    minVersion: 0,
    maxVersion: 8,
    isPipelined: true,
    request,
    response,
    prepare: ({ topics: wanted }) => openLogs(topics, wanted),
    handle: async ({ acks, transactionalId, topics: wanted }, { version }) => {
      // up to the first await nothing else runs: pipelined requests append in the order they came
      const refusal = refusalOf(acks, transactionalId, version);
      const outcomes = wanted.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map((one) => ({
          partition: one.partition,
          outcome: refusal === undefined ? append(topics, name, one, version) : { error: refusal },
        })),
      }));
      if (acks === 0) {
        refuseSilently(outcomes.flatMap(({ partitions }) => partitions.map((one) => one.outcome)));
        return undefined;
      }
      return {
        topics: await Promise.all(
          outcomes.map(async ({ name, partitions }) => ({
            name,
            partitions: await Promise.all(
              partitions.map(async ({ partition, outcome }) => {
                const error = await settle(outcome, acks, log);
                const start = topics.get(name)?.openLog(partition)?.startOffset ?? -1;
                return partitionAnswer(partition, error, outcome, start);
              }),
            ),
          })),
        ),
        throttleTimeMs: 0,
      };
    },
  });
}

/** Undefined when all are open, so that the usual request is not put off by a turn. */
function openLogs(
  topics: Topics,
  wanted: Decoded<typeof request>['topics'],
): Promise<void> | undefined {
  const closed = wanted.flatMap(({ name, partitions }) => {
    const topic = topics.get(name);
    if (!topic) return [];
    return partitions
      .filter(({ partition }) => !topic.openLog(partition))
      .map(({ partition }) => topic.log(partition));
  });
  return closed.length === 0 ? undefined : Promise.all(closed).then(() => undefined);
}

function refusalOf(
  acks: number,
  transactionalId: string | null,
  version: number,
): ErrorNumber | undefined {
  if (version < firstVersion) return errorCodes.unsupportedVersion;
  if (acks < -1 || acks > 1) return errorCodes.invalidRequiredAcks;
  return transactionalId === null ? undefined : errorCodes.invalidTxnState;
}

function append(
  topics: Topics,
  name: string,
  { partition, records: chunks }: PartitionRequest,
  version: number,
): Outcome {
  const log = topics.get(name)?.openLog(partition);
  if (!log) return { error: errorCodes.unknownTopicOrPartition };
  const bytes = chunks?.[0] ?? Buffer.alloc(0);
  const isZstd = bytes.length > 22 && ((bytes[22] as number) & 7) === codecs.zstd;
  if (isZstd && version < firstVersionOfZstd)
    return { error: errorCodes.unsupportedCompressionType };
  return log.append(bytes);
}

/** Waits for what the producer asked to wait for. */
async function settle(outcome: Outcome, acks: number, log: Logger): Promise<ErrorNumber> {
  if (!('commit' in outcome)) return outcome.error;
  try {
    await (acks === -1 ? outcome.commit.synced : outcome.commit.written);
    return errorCodes.none;
  } catch (error) {
    log.debug({ err: error }, 'produce refused by the disk');
    return errorCodes.kafkaStorageError;
  }
}

/** With acks 0 the only way to tell a producer that something is wrong is to close the connection, as Kafka does. */
function refuseSilently(outcomes: readonly Outcome[]): void {
  const refused = outcomes.find(({ error }) => error !== errorCodes.none);
  if (refused)
    throw new AppError('invalid_argument', 'records sent without acknowledgement were refused', {
      details: { error: refused.error },
    });
}

function partitionAnswer(
  partition: number,
  error: ErrorNumber,
  outcome: Outcome,
  logStartOffset: number,
) {
  const baseOffset = error === errorCodes.none && 'commit' in outcome ? outcome.baseOffset : -1;
  return {
    partition,
    error,
    baseOffset,
    logAppendTimeMs: -1,
    logStartOffset,
    recordErrors: [],
    errorMessage: null,
  };
}
