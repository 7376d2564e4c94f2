import { createRequire } from 'node:module';
import type * as Kafkajs from 'kafkajs';
import { type FetchHooks, type FetchingGroup, addLongFetches } from './long-fetch.ts';
import { type ProduceRequest, writeProduceRequest } from '../wire/produce-request.ts';
import { isCompressed, readBatch, sizeOfBatch } from '../wire/read-batch.ts';
import { type BatchContext, ReadRecord } from '../wire/read-record.ts';

/** What an assigner of ours hears of its group besides. */
export type GroupHooks = {
  /** The member joins again when it resolves: until then the work in hand is finished. */
  readonly beforeJoin?: () => Promise<void>;
  /** The log has no `offset`; the member goes on at the earliest one it has. */
  readonly outOfRange?: (topic: string, partition: number, offset: bigint) => void;
  readonly fetching?: FetchHooks;
};

/** The client library, and whether its coders are ours: not if somebody loaded it before, and then it is only slower. */
export type PatchedKafkajs = {
  readonly library: typeof Kafkajs;
  readonly hasOurCoders: boolean;
  /** The error that a code of the protocol stands for. */
  readonly errorOf: (code: number) => Error;
};

/**
 * The client library with what we change in it. Calling it again gives the same.
 *
 * 1. An idle request queue armed a 1 ms timer for ever (3 % of a core); now only a throttled queue arms one.
 * 2. Open connections looked for timed-out requests ten times a second each; now every two seconds.
 * 3. Produce requests are written and record batches are read in one pass, several times quicker. Replacing these parts of the library
 *    needs to be done before it loads them.
 *    With them a produce request tells the outcome of every partition, where the library tells only the first error.
 * 4. A member finishes its work and commits before it rejoins a group, so that the next owner starts exactly after it.
 * 5. A group's offset that the log no longer has is told, with the offset, before it is replaced.
 * 6. Fetches wait long and can be given up (long-fetch.ts).
 * 7. What a lost connection has left of an answer is no longer read as the beginning of what the next one answers.
 */
export function loadKafkajs(): PatchedKafkajs {
  const require = createRequire(import.meta.url);
  const isLoaded = require.resolve('kafkajs') in require.cache;
  const queue = require('kafkajs/src/network/requestQueue/index.js') as {
    prototype: RequestQueue & { [patched]?: PatchedKafkajs };
  };
  const known = queue.prototype[patched];
  if (known) return known;
  queue.prototype.scheduleCheckPendingRequests = scheduleCheckPendingRequests;
  queue.prototype.scheduleRequestTimeoutCheck = scheduleRequestTimeoutCheck;
  if (!isLoaded) replaceCoders(require);
  const group = require('kafkajs/src/consumer/consumerGroup.js') as { prototype: ConsumerGroup };
  addGroupHooks(group);
  addLongFetches(group);
  forgetHalfAnswers(require('kafkajs/src/network/connection.js') as { prototype: Connection });
  const { createErrorFromCode: errorOf } = require('kafkajs/src/protocol/error.js') as {
    createErrorFromCode: (code: number) => Error;
  };
  const library = require('kafkajs') as typeof Kafkajs;
  const loaded = { library, hasOurCoders: !isLoaded, errorOf };
  queue.prototype[patched] = loaded;
  return loaded;
}

const patched = Symbol('the library is patched');

function replaceCoders(require: NodeJS.Require): void {
  replaceModule<ReadTheirBatch>(require, 'protocol/recordBatch/v0/decoder.js', readBatchWith);
  replaceModule(require, 'producer/groupMessagesPerPartition.js', () => groupByPartition);
  replaceModule<WriteProduce>(require, 'protocol/requests/produce/v3/request.js', produceWith);
  replaceModule<object>(require, 'protocol/requests/produce/v7/response.js', (original) => ({
    ...original,
    parse: (answer: object) => Promise.resolve(answer),
  }));
}

function replaceModule<T>(
  require: NodeJS.Require,
  path: string,
  replace: (original: T) => T,
): void {
  const id = require.resolve(`kafkajs/src/${path}`);
  const original: unknown = require(id);
  const loaded = require.cache[id];
  if (!loaded) throw new Error('the client library was loaded by another loader');
  loaded.exports = replace(original as T);
}

type ProduceOptions = ProduceRequest & {
  readonly transactionalId?: string | null;
  readonly compression?: number;
  readonly producerId?: { toString(): string };
};
type WriteProduce = (options: ProduceOptions) => object;

function produceWith(original: WriteProduce): WriteProduce {
  return (options) => {
    const { transactionalId, compression = 0, producerId, topicData } = options;
    const isPlain =
      !transactionalId &&
      compression === 0 &&
      (producerId === undefined || producerId.toString() === '-1') &&
      topicData.every(({ partitions }) =>
        partitions.every(({ messages }) => messages.every((message) => !('timestamp' in message))),
      );
    const request = original(options);
    return isPlain
      ? {
          ...request,
          encode: () => Promise.resolve(writeProduceRequest(options, Date.now())),
        }
      : request;
  };
}

function groupByPartition<Message>(parts: {
  topic: string;
  partitionMetadata: readonly unknown[];
  messages: readonly Message[];
  partitioner: (about: object) => number;
}): Record<number, Message[]> {
  const { topic, partitionMetadata, messages, partitioner } = parts;
  const groups: Record<number, Message[]> = {};
  if (partitionMetadata.length === 0) return groups;
  for (const message of messages)
    (groups[partitioner({ topic, partitionMetadata, message })] ??= []).push(message);
  return groups;
}

type FetchDecoder = { readonly buffer: Buffer; offset: number };
type ReadTheirBatch = (decoder: FetchDecoder) => Promise<object>;

function readBatchWith(original: ReadTheirBatch): ReadTheirBatch {
  return (decoder) => {
    const { buffer, offset } = decoder;
    const end = offset + sizeOfBatch(buffer, offset);
    // The original knows the codecs, and what to throw at a batch that was cut.
    if (end > buffer.length || isCompressed(buffer, offset))
      return readCompressed(original, decoder);
    decoder.offset = end;
    return Promise.resolve(readBatch(buffer, offset));
  };
}

async function readCompressed(original: ReadTheirBatch, decoder: FetchDecoder): Promise<object> {
  const batch = (await original(decoder)) as Partial<BatchContext> & {
    records: Parameters<typeof ReadRecord.from>[0][];
  };
  return { ...batch, records: batch.records.map((record) => ReadRecord.from(record, batch)) };
}

type RequestQueue = {
  pending: unknown[];
  inflight: Map<number, { sentAt: number; requestTimeout: number; timeoutRequest(): void }>;
  throttledUntil: number;
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  requestTimeoutIntervalId?: NodeJS.Timeout;
  enforceRequestTimeout: boolean;
  isConnected(): boolean;
  destroy(): void;
  checkPendingRequests(): void;
  scheduleCheckPendingRequests(): void;
  scheduleRequestTimeoutCheck(): void;
};

/** Only a throttle needs a timer: a queue that is full is looked at again when an answer makes room. */
function scheduleCheckPendingRequests(this: RequestQueue): void {
  if (this.pending.length === 0 || this.throttleCheckTimeoutId !== null) return;
  const waitMs = this.throttledUntil - Date.now();
  if (waitMs <= 0) return;
  this.throttleCheckTimeoutId = setTimeout(() => {
    this.throttleCheckTimeoutId = null;
    this.checkPendingRequests();
  }, waitMs);
}

function scheduleRequestTimeoutCheck(this: RequestQueue): void {
  if (!this.enforceRequestTimeout) return;
  this.destroy();
  this.requestTimeoutIntervalId = setInterval(() => {
    const nowMs = Date.now();
    for (const request of [...this.inflight.values()])
      if (nowMs - request.sentAt > request.requestTimeout) request.timeoutRequest();
    if (!this.isConnected()) this.destroy();
  }, 2000);
  this.requestTimeoutIntervalId.unref();
}

type Connection = {
  chunks: Buffer[];
  bytesBuffered: number;
  bytesNeeded: number;
  isConnected(): boolean;
  connect: (this: Connection) => Promise<boolean>;
};

const sizeBytes = 4;

function forgetHalfAnswers({ prototype }: { prototype: Connection }): void {
  const { connect } = prototype;
  prototype.connect = function () {
    if (!this.isConnected())
      Object.assign(this, { chunks: [], bytesBuffered: 0, bytesNeeded: sizeBytes });
    return connect.call(this);
  };
}

type ConsumerGroup = FetchingGroup & {
  readonly assigners: readonly GroupHooks[];
  offsetManager: { nextOffset(topic: string, partition: number): { toString(): string } };
  joinAndSync: (this: ConsumerGroup) => Promise<void>;
  recoverFromOffsetOutOfRange: (
    this: ConsumerGroup,
    place: { topic: string; partition: number },
  ) => Promise<void>;
};

function addGroupHooks({ prototype }: { prototype: ConsumerGroup }): void {
  const { joinAndSync, recoverFromOffsetOutOfRange } = prototype;
  prototype.joinAndSync = async function () {
    this.isJoining = true;
    try {
      for (const { beforeJoin } of this.assigners) await beforeJoin?.();
      await joinAndSync.call(this);
    } finally {
      this.isJoining = false;
    }
  };
  prototype.recoverFromOffsetOutOfRange = async function (place) {
    const offset = BigInt(this.offsetManager.nextOffset(place.topic, place.partition).toString());
    for (const { outOfRange } of this.assigners) outOfRange?.(place.topic, place.partition, offset);
    return recoverFromOffsetOutOfRange.call(this, place);
  };
}
