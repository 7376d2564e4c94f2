import { setTimeout as delay } from 'node:timers/promises';
import type { Message, Producer } from 'kafkajs';
import { AppError, type Logger } from '@flywheel/core';
import {
  type Client,
  type ClientOptions,
  brokerErrorType,
  openClient,
  within,
} from '../client/client.ts';
import { partitionOf } from '../wire/murmur2.ts';
import type { HeaderBlock, HeaderMap } from '../wire/record.ts';

/** A record on its way to the log. The bytes are sent as they are. */
export type Outgoing = {
  readonly topic: string;
  readonly key: string | Uint8Array | null;
  readonly value: string | Uint8Array | null;
  readonly headers: HeaderMap;
  readonly block?: HeaderBlock | undefined;
};

/** Where the log has a record. */
export type Published = {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
};

/** Hears of every record of one call exactly once. */
export type Settlement = {
  acked(index: number, published: Published): void;
  failed(index: number, error: AppError): void;
};

export type LaneLimits = {
  readonly maxRecords: number;
  readonly maxBatchBytes: number;
  /** How long the first record of a batch waits for company. */
  readonly lingerMs: number;
  /** Above it `push` refuses. */
  readonly maxPendingBytes: number;
  /** A record that is not acknowledged by then fails with `unavailable`; undefined = it waits as long as it takes. */
  readonly deadlineMs: number | undefined;
};

type Entry = {
  readonly topic: string;
  readonly message: Message & { partition: number; block?: HeaderBlock | undefined };
  readonly bytes: number;
  readonly deadlineAtMs: number;
  readonly settlement: Settlement;
  readonly index: number;
  isSettled: boolean;
};

const recordOverheadBytes = 64;
const requestTimeoutMs = 12_000;
const silenceMs = 15_000;

/**
 * Sends records in order, one request at a time: what arrives while a request is under way goes with the next. A
 * request that fails is sent again with the same records (twice in the log is possible, lost or out of order is not),
 * with growing waits and, if it keeps failing, over a new connection. A request the broker refuses is halved until the
 * record it refuses stands alone and fails.
 */
export class Lane implements AsyncDisposable {
  readonly #options: ClientOptions;
  readonly #limits: LaneLimits;
  readonly #log: Logger;
  readonly #acked: (topic: string, records: number, seconds: number) => void;
  #queue: Entry[] = [];
  #head = 0;
  #pendingBytes = 0;
  #inFlight: readonly Entry[] = [];
  #running: Promise<void> | undefined;
  #connection: Connection | undefined;
  #batchLimit: number;
  #expiry: NodeJS.Timeout | undefined;
  readonly #closing = new AbortController();

  constructor(
    options: ClientOptions,
    limits: LaneLimits,
    acked: (topic: string, records: number, seconds: number) => void,
  ) {
    this.#options = options;
    this.#limits = limits;
    this.#log = options.log;
    this.#acked = acked;
    this.#batchLimit = limits.maxRecords;
  }

  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  get pending(): number {
    return this.#queue.length - this.#head + this.#inFlight.length;
  }

  get isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  /** False, and nothing taken, when the lane is full or closed. */
  push(
    record: Outgoing,
    settlement: Settlement,
    index: number,
    deadlineAtMs: number = performance.now() + (this.#limits.deadlineMs ?? Infinity),
  ): boolean {
    if (this.#closing.signal.aborted) return false;
    const bytes = sizeOf(record);
    if (this.#pendingBytes + bytes > this.#limits.maxPendingBytes) return false;
    this.#pendingBytes += bytes;
    const message = {
      key: record.key as Buffer | string | null,
      value: record.value as Buffer | string | null,
      headers: record.headers as NonNullable<Message['headers']>,
      block: record.block,
      partition: -1,
    };
    this.#queue.push({
      topic: record.topic,
      message,
      bytes,
      deadlineAtMs,
      settlement,
      index,
      isSettled: false,
    });
    this.#watchDeadline();
    this.#running ??= this.#run();
    return true;
  }

  /** Resolves when nothing is pending, or at the deadline. */
  async flush(deadlineMs: number): Promise<void> {
    const deadlineAtMs = performance.now() + deadlineMs;
    while (this.#running && performance.now() < deadlineAtMs)
      await within(deadlineAtMs - performance.now(), this.#running);
  }

  /** What is still pending fails with `unavailable`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    for (const entry of [...this.#inFlight, ...this.#queue.slice(this.#head)])
      this.#fail(entry, unavailable('the bus was closed'));
    this.#queue = [];
    this.#head = 0;
    clearTimeout(this.#expiry);
    await this.#connection?.close();
    if (this.#running) await within(5000, this.#running);
  }

  async #run(): Promise<void> {
    if (this.#limits.lingerMs > 0) await this.#wait(this.#limits.lingerMs);
    else await new Promise((resolve) => setImmediate(resolve));
    while (!this.#closing.signal.aborted && this.#head < this.#queue.length) {
      const batch = this.#take();
      if (batch.length > 0) await this.#sendUntilSettled(batch);
      const isFull = this.#queue.length - this.#head >= this.#limits.maxRecords;
      if (this.#limits.lingerMs > 0 && !isFull && this.#head < this.#queue.length)
        await this.#wait(this.#limits.lingerMs);
    }
    this.#running = undefined;
  }

  #take(): Entry[] {
    const batch: Entry[] = [];
    let bytes = 0;
    while (this.#head < this.#queue.length && batch.length < this.#batchLimit) {
      const entry = this.#queue[this.#head] as Entry;
      if (batch.length > 0 && bytes + entry.bytes > this.#limits.maxBatchBytes) break;
      this.#head++;
      this.#failIfLate(entry);
      if (entry.isSettled) continue;
      bytes += entry.bytes;
      batch.push(entry);
    }
    if (this.#head === this.#queue.length) {
      this.#queue = [];
      this.#head = 0;
    } else if (this.#head > 4096 && this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    return batch;
  }

  async #sendUntilSettled(first: Entry[]): Promise<void> {
    let batch = first;
    for (let failures = 0; batch.length > 0 && !this.#closing.signal.aborted;) {
      this.#inFlight = batch;
      try {
        await this.#send(batch);
        this.#batchLimit = Math.min(this.#limits.maxRecords, this.#batchLimit * 2);
        break;
      } catch (error) {
        batch = batch.filter((entry) => !entry.isSettled);
        const refusal = refusalOf(error);
        if (refusal && batch.length === 1) {
          for (const entry of batch) this.#fail(entry, refusal);
          break;
        }
        if (refusal) {
          this.#batchLimit = Math.ceil(batch.length / 2);
          this.#putBack(batch);
          break;
        }
        failures++;
        this.#log.warn(
          { failures, records: batch.length, text: textOf(error) },
          'records could not be sent and are sent again',
        );
        // A broker that answers, but with an error, knows something that this connection does not: who leads.
        if (failures % 3 === 0 || brokerErrorType(error)) await this.#reconnect();
        await this.#wait(Math.min(2000, 50 * 2 ** failures) * (0.5 + Math.random() / 2));
        for (const entry of batch) this.#failIfLate(entry);
        batch = batch.filter((entry) => !entry.isSettled);
      }
    }
    this.#inFlight = [];
  }

  #putBack(batch: Entry[]): void {
    this.#queue = [...batch, ...this.#queue.slice(this.#head)];
    this.#head = 0;
  }

  /** Acknowledges what the log has; throws the first error of the partitions that have not. */
  async #send(batch: Entry[]): Promise<void> {
    const startedMs = performance.now();
    this.#connection ??= new Connection(this.#options);
    const byTopic = groupByTopic(batch);
    const outcomes = await this.#connection.send(byTopic);
    const seconds = (performance.now() - startedMs) / 1000;
    let failure: Error | undefined;
    for (const [topic, entries] of byTopic) {
      let acked = 0;
      for (const entry of entries) {
        const { partition } = entry.message;
        const outcome = outcomes.get(`${topic}/${partition}`);
        if (!outcome) throw new Error('the broker answered less than it was asked');
        if (outcome.error) failure ??= outcome.error;
        else {
          this.#ack(entry, { topic, partition, offset: String(outcome.nextOffset++) });
          acked++;
        }
      }
      if (acked > 0) this.#acked(topic, acked, seconds);
    }
    if (failure) throw failure;
  }

  #ack(entry: Entry, published: Published): void {
    if (entry.isSettled) return;
    entry.isSettled = true;
    this.#pendingBytes -= entry.bytes;
    entry.settlement.acked(entry.index, published);
  }

  #fail(entry: Entry, error: AppError): void {
    if (entry.isSettled) return;
    entry.isSettled = true;
    this.#pendingBytes -= entry.bytes;
    entry.settlement.failed(entry.index, error);
  }

  #failIfLate(entry: Entry): void {
    if (entry.deadlineAtMs <= performance.now())
      this.#fail(entry, unavailable('the log did not answer in time'));
  }

  #watchDeadline(): void {
    if (this.#limits.deadlineMs === undefined || this.#expiry) return;
    this.#expiry = setTimeout(() => {
      this.#expiry = undefined;
      const waiting = [...this.#inFlight, ...this.#queue.slice(this.#head)];
      for (const entry of waiting) this.#failIfLate(entry);
      if (waiting.some((entry) => !entry.isSettled)) this.#watchDeadline();
    }, 250);
    this.#expiry.unref();
  }

  async #reconnect(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    await connection?.close();
  }

  async #wait(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#closing.signal }).catch(() => undefined);
  }
}

/** What became of the records of one partition. */
type Outcome = { nextOffset: number; readonly error: Error | undefined };

/** One producer with its sockets. Its partitioner notes on each message where it went. */
class Connection {
  readonly #client: Client;
  readonly #producer: Producer;
  #connected: Promise<void> | undefined;

  constructor(options: ClientOptions) {
    this.#client = openClient(options, { requestTimeoutMs, silenceMs });
    this.#producer = this.#client.kafka.producer({
      allowAutoTopicCreation: false,
      // The library's idempotent mode can acknowledge a record that is not in the log (reference/kafka.md, P1).
      idempotent: false,
      maxInFlightRequests: 1,
      metadataMaxAge: 60_000,
      // The lane sends again itself, and not after a record's deadline.
      retry: { retries: 0 },
      createPartitioner:
        () =>
        ({ partitionMetadata, message }) => {
          const partition =
            message.key === null || message.key === undefined
              ? 0
              : partitionOf(message.key, partitionMetadata.length);
          message.partition = partition;
          return partition;
        },
    });
  }

  async send(byTopic: ReadonlyMap<string, readonly Entry[]>): Promise<Map<string, Outcome>> {
    this.#connected ??= this.#producer.connect();
    try {
      await this.#connected;
    } catch (error) {
      this.#connected = undefined;
      throw error;
    }
    const answer = await this.#producer.sendBatch({
      acks: -1,
      timeout: requestTimeoutMs,
      topicMessages: [...byTopic].map(([topic, entries]) => ({
        topic,
        messages: entries.map(({ message }) => this.#messageOf(message)),
      })),
    });
    const outcomes = new Map<string, Outcome>();
    for (const { topicName, partition, baseOffset, errorCode } of answer)
      outcomes.set(`${topicName}/${partition}`, {
        nextOffset: Number(baseOffset),
        error: errorCode === 0 ? undefined : this.#client.errorOf(errorCode),
      });
    return outcomes;
  }

  /** The library's own coder knows no blocks of headers. */
  #messageOf(message: Entry['message']): Message {
    const { block, headers } = message;
    if (this.#client.hasOurCoders || !block) return message;
    // The partitioner notes the partition on the message it is given, which must stay the entry's own.
    message.headers = { ...block.headers, ...headers } as NonNullable<Message['headers']>;
    message.block = undefined;
    return message;
  }

  async close(): Promise<void> {
    await within(2000, this.#producer.disconnect());
    this.#client.sockets.destroyAll();
  }
}

function groupByTopic(batch: readonly Entry[]): Map<string, Entry[]> {
  const byTopic = new Map<string, Entry[]>();
  for (const entry of batch) {
    const entries = byTopic.get(entry.topic);
    if (entries) entries.push(entry);
    else byTopic.set(entry.topic, [entry]);
  }
  return byTopic;
}

function sizeOf({ key, value, headers, block }: Outgoing): number {
  let bytes =
    recordOverheadBytes + (key?.length ?? 0) + (value?.length ?? 0) + (block?.bytes.length ?? 0);
  for (const name in headers) {
    const header = headers[name];
    bytes += name.length + (typeof header === 'string' ? header.length : 16);
  }
  return bytes;
}

/** The broker's last word on a record, as our error; undefined for what sending again may cure. */
function refusalOf(error: unknown): AppError | undefined {
  switch (brokerErrorType(error)) {
    case 'MESSAGE_TOO_LARGE':
    case 'RECORD_LIST_TOO_LARGE':
      return new AppError('payload_too_large', 'the record is larger than the topic takes', {
        cause: error,
      });
    case 'INVALID_RECORD':
    case 'INVALID_TOPIC_EXCEPTION':
    case 'INVALID_TIMESTAMP':
      return new AppError('invalid_argument', 'the log refuses the record', { cause: error });
    case 'TOPIC_AUTHORIZATION_FAILED':
    case 'CLUSTER_AUTHORIZATION_FAILED':
      return new AppError('permission_denied', 'the log does not let us write', { cause: error });
    default:
      return undefined;
  }
}

function unavailable(message: string): AppError {
  return new AppError('unavailable', message);
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
