import { createRequire } from 'node:module';
import type * as Kafkajs from 'kafkajs';
import { ReadRecord, writeRecord } from '../wire/record.ts';
import type { BatchContext } from '../wire/record.ts';

/** What an assigner of ours hears of its group besides. */
export type GroupHooks = {
  /** The member joins again when it resolves: until then the work in hand is finished. */
  readonly beforeJoin?: () => Promise<void>;
  /** The log has no `offset`; the member goes on at the earliest one it has. */
  readonly outOfRange?: (topic: string, partition: number, offset: bigint) => void;
};

/**
 * The client library with what we change in it, before it loads its own parts. Calling it again is harmless.
 *
 * 1. An idle request queue armed a 1 ms timer for ever (3 % of a core); now only a throttled queue arms one.
 * 2. Open connections looked for timed-out requests ten times a second each; now twice.
 * 3. Records are coded in one pass.
 * 4. A member finishes its work and commits before it rejoins a group, so that the next owner starts exactly after it.
 * 5. A group's offset that the log no longer has is told, with the offset, before it is replaced.
 */
export function loadKafkajs(): typeof Kafkajs {
  const require = createRequire(import.meta.url);
  replaceModule(require, 'kafkajs/src/protocol/recordBatch/record/v0/index.js', writeRecord);
  replaceModule(require, 'kafkajs/src/protocol/recordBatch/record/v0/decoder.js', readRecord);
  const queue = require('kafkajs/src/network/requestQueue/index.js') as {
    prototype: RequestQueue;
  };
  queue.prototype.scheduleCheckPendingRequests = scheduleCheckPendingRequests;
  queue.prototype.scheduleRequestTimeoutCheck = scheduleRequestTimeoutCheck;
  addGroupHooks(require('kafkajs/src/consumer/consumerGroup.js') as { prototype: ConsumerGroup });
  return require('kafkajs') as typeof Kafkajs;
}

function replaceModule(require: NodeJS.Require, path: string, replacement: unknown): void {
  require(path);
  const loaded = require.cache[require.resolve(path)];
  if (!loaded) throw new Error('the client library was loaded by another loader');
  loaded.exports = replacement;
}

function readRecord(decoder: { buffer: Buffer }, batchContext: BatchContext = noContext) {
  return new ReadRecord(decoder.buffer, batchContext);
}

const noContext: BatchContext = { firstOffset: '0', firstTimestamp: '0' };

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
  }, 500);
}

type ConsumerGroup = {
  assigners: readonly GroupHooks[];
  offsetManager: { nextOffset(topic: string, partition: number): { toString(): string } };
  joinAndSync(): Promise<void>;
  recoverFromOffsetOutOfRange(place: { topic: string; partition: number }): Promise<void>;
};

const hooked = Symbol('the group has our hooks');

function addGroupHooks({ prototype }: { prototype: ConsumerGroup & { [hooked]?: true } }): void {
  if (prototype[hooked]) return;
  prototype[hooked] = true;
  const join = Reflect.get(prototype, 'joinAndSync') as () => Promise<void>;
  const recover = Reflect.get(prototype, 'recoverFromOffsetOutOfRange') as (
    place: object,
  ) => Promise<void>;
  prototype.joinAndSync = async function (this: ConsumerGroup) {
    for (const { beforeJoin } of this.assigners) await beforeJoin?.();
    return join.call(this);
  };
  prototype.recoverFromOffsetOutOfRange = async function (this: ConsumerGroup, place) {
    const offset = BigInt(this.offsetManager.nextOffset(place.topic, place.partition).toString());
    for (const { outOfRange } of this.assigners) outOfRange?.(place.topic, place.partition, offset);
    return recover.call(this, place);
  };
}
