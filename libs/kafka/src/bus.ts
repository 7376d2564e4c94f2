import { AppError, newId, systemClock } from '@flywheel/core';
import type { Clock, Logger } from '@flywheel/core';
import { type EventContract, type Topic, deadLetterTopic } from '@flywheel/contracts';
import type {
  BatchOptions,
  Bus,
  BusOptions,
  OpaqueMessage,
  PublishOptions,
  SubscribeOptions,
} from './bus-types.ts';
import type { ClientOptions } from './client/client.ts';
import { type TopicToEnsure, TopicsAdmin } from './client/topics-admin.ts';
import {
  type BatchHandler,
  BatchReader,
  decodeOf,
  decodeOpaque,
} from './consuming/batch-reader.ts';
import { deadLetterMaxBytes } from './consuming/dead-letter.ts';
import { defaultPolicy } from './consuming/deliver.ts';
import { EventReader, type Handler, type TombstoneHandler } from './consuming/event-reader.ts';
import { type Gap, GroupConsumer, type Position } from './consuming/group-consumer.ts';
import type { TopicReader } from './consuming/partition-worker.ts';
import { readTopicToEnd } from './consuming/read-to-end.ts';
import type { Surroundings } from './consuming/settle.ts';
import { WatchGroup } from './consuming/watch-group.ts';
import { type BusMetrics, type BusTracing, noMetrics, noTracing } from './ports.ts';
import { type Firehose, type FirehoseOptions, RingFirehose } from './publishing/firehose.ts';
import { Lane, type Outgoing, type Published } from './publishing/lane.ts';
import { Together } from './publishing/settlements.ts';
import {
  type OpaqueRecord,
  type ReceivedEvent,
  opaqueBlock,
  opaqueHeaders,
  writeEvent,
} from './wire/envelope.ts';

const MiB = 1_048_576;
const durableLimits = {
  maxRecords: 2000,
  maxBatchBytes: MiB / 2,
  lingerMs: 0,
  maxPendingBytes: 64 * MiB,
};
const firehoseLimits = {
  maxRecords: 1000,
  maxBatchBytes: MiB / 2,
  lingerMs: 5,
  deadlineMs: undefined,
};
const startTimeoutMs = 60_000;

/** Opens the log for a service. It does not wait for a broker: what needs one waits for it, each by its own rule. */
export function openBus(options: BusOptions): Promise<Bus> {
  return Promise.resolve(new KafkaBus(options));
}

type OpenFirehose = { readonly lane: Lane; readonly topic: string };

class KafkaBus implements Bus {
  readonly service: string;
  readonly failed: Promise<never>;
  readonly #options: BusOptions;
  readonly #client: ClientOptions;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #metrics: BusMetrics;
  readonly #tracing: BusTracing;
  readonly #admin: TopicsAdmin;
  readonly #durable: Lane;
  readonly #publishTimeoutMs: number;
  readonly #firehoses: OpenFirehose[] = [];
  readonly #groups = new Map<string, GroupConsumer>();
  readonly #watches: WatchGroup[] = [];
  readonly #gapListeners = new Map<string, (gap: Gap) => void>();
  readonly #topics = new Map<string, Topic>();
  readonly #fail: (error: AppError) => void;
  /** Callers of `moved`. */
  readonly #waiting = new Set<() => void>();
  #measuring: NodeJS.Timeout | undefined;
  #isStarted = false;
  #isStopped = false;

  constructor(options: BusOptions) {
    this.service = options.service;
    this.#options = options;
    this.#log = options.log.child({ part: 'bus' });
    this.#clock = options.clock ?? systemClock;
    this.#metrics = options.metrics ?? noMetrics;
    this.#tracing = options.tracing ?? noTracing;
    this.#publishTimeoutMs = options.publishTimeoutMs ?? 30_000;
    this.#client = {
      brokers: options.brokers,
      service: options.service,
      log: this.#log,
      security: options.security,
    };
    this.#admin = new TopicsAdmin(this.#client);
    this.#durable = this.#lane({ ...durableLimits, deadlineMs: this.#publishTimeoutMs });
    const { promise, reject } = withReject();
    this.failed = promise;
    this.#fail = (error) => {
      this.#log.error({ err: error }, 'the bus failed');
      reject(error);
    };
  }

  async publish<Data>(
    contract: EventContract<Data>,
    data: Data,
    options: PublishOptions = {},
  ): Promise<Published> {
    const [published] = await this.publishAll(contract, [{ data, ...options }]);
    return published as Published;
  }

  async publishAll<Data>(
    contract: EventContract<Data>,
    items: readonly ({ readonly data: Data } & PublishOptions)[],
  ): Promise<Published[]> {
    this.#checkOwner(contract);
    const nowMs = this.#clock.nowMs();
    const records = items.map(({ data, id, time }) => {
      const { key, value, headers } = writeEvent(contract, data, {
        id,
        time,
        source: this.service,
        nowMs,
      });
      this.#tracing.inject(headers);
      return { topic: contract.topic.name, key, value, headers };
    });
    await this.#ensureOwn(contract.topic);
    return this.send(records);
  }

  async publishTombstone(contract: EventContract, key: string): Promise<Published> {
    this.#checkOwner(contract);
    if (key === '') throw new AppError('invalid_argument', 'an event needs a key');
    if (contract.topic.cleanup !== 'compact')
      throw new AppError('invalid_argument', 'only a compacted topic takes tombstones');
    const nowMs = this.#clock.nowMs();
    const headers: Record<string, string> = {
      ce_specversion: '1.0',
      ce_id: newId(nowMs),
      ce_source: this.service,
      ce_type: contract.type,
      ce_time: new Date(nowMs).toISOString(),
    };
    this.#tracing.inject(headers);
    await this.#ensureOwn(contract.topic);
    const [published] = await this.send([
      { topic: contract.topic.name, key, value: null, headers },
    ]);
    return published as Published;
  }

  async publishOpaque(
    contract: EventContract,
    messages: readonly OpaqueMessage[],
  ): Promise<Published[]> {
    this.#checkOwner(contract);
    const block = opaqueBlock(contract, this.service);
    const topic = contract.topic.name;
    const records = messages.map((message): Outgoing => {
      if (message.key === '') throw new AppError('invalid_argument', 'an event needs a key');
      return {
        topic,
        key: message.key,
        value: asBuffer(message.value),
        headers: opaqueHeaders(message),
        block,
      };
    });
    await this.#ensureOwn(contract.topic);
    return this.send(records);
  }

  async send(
    records: readonly Outgoing[],
    { timeoutMs = this.#publishTimeoutMs }: { timeoutMs?: number } = {},
  ): Promise<Published[]> {
    const together = new Together(records.length);
    const deadlineAtMs = performance.now() + timeoutMs;
    records.forEach((record, index) => {
      if (this.#durable.push(record, together, index, deadlineAtMs)) return;
      const error = this.#durable.isClosed
        ? new AppError('unavailable', 'the bus was closed')
        : new AppError('resource_exhausted', 'too many records wait for the log');
      together.failed(index, error);
    });
    return together.promise;
  }

  firehose<Data>(contract: EventContract<Data>, options: FirehoseOptions = {}): Firehose<Data> {
    this.#checkOwner(contract);
    const lane = this.#lane({ ...firehoseLimits, maxPendingBytes: options.maxBytes ?? 64 * MiB });
    this.#firehoses.push({ lane, topic: contract.topic.name });
    this.#measure();
    void this.#ensureOwn(contract.topic).catch((err: unknown) =>
      this.#log.warn({ err, topic: contract.topic.name }, 'a topic could not be made yet'),
    );
    return new RingFirehose(contract, lane, {
      source: this.service,
      validate: options.validate ?? false,
      metrics: this.#metrics,
      nowMs: () => this.#clock.nowMs(),
    });
  }

  subscribe<Data>(
    contract: EventContract<Data>,
    handler: Handler<EventContract<Data>>,
    options: SubscribeOptions = {},
  ): void {
    const group = this.#group(options.group ?? this.service);
    const { topic } = contract;
    const known = group.reader(topic.name);
    if (known && !(known instanceof EventReader)) throw taken(topic, group);
    if (known?.has(contract.type)) throw taken(topic, group);
    const reader = known ?? new EventReader(topic, this.#surroundings(group.group));
    reader.add({ contract, handler, onTombstone: options.onTombstone });
    this.#topics.set(topic.name, topic);
    if (!known) this.#addReader(group, reader);
  }

  subscribeBatch<Data>(
    contract: EventContract<Data>,
    handler: BatchHandler<OpaqueRecord> | BatchHandler<ReceivedEvent<Data>>,
    options: BatchOptions & { readonly opaque?: boolean } = {},
  ): void {
    const group = this.#group(options.group ?? this.service);
    const { topic } = contract;
    if (group.reader(topic.name)) throw taken(topic, group);
    const around = this.#surroundings(group.group);
    const reading = { maxRecords: options.maxRecords ?? 5000, startAt: options.startAt };
    const reader = options.opaque
      ? new BatchReader(
          topic.name,
          {
            decode: decodeOpaque(contract),
            // The overload ties `opaque` to this kind of handler.
            handler: handler as BatchHandler<OpaqueRecord>,
            around,
          },
          reading,
        )
      : new BatchReader(
          topic.name,
          {
            decode: decodeOf(contract),
            handler: handler as BatchHandler<ReceivedEvent<Data>>,
            around,
          },
          reading,
        );
    if (options.onGap) this.#gapListeners.set(`${group.group}/${topic.name}`, options.onGap);
    this.#topics.set(topic.name, topic);
    this.#addReader(group, reader);
  }

  watch<Data>(
    contract: EventContract<Data>,
    handler: Handler<EventContract<Data>>,
    options: { readonly onTombstone?: TombstoneHandler } = {},
  ): { readonly ready: Promise<void> } {
    let watch = this.#watches.find(({ isStarted }) => !isStarted);
    if (!watch) {
      watch = this.#newWatch();
      this.#watches.push(watch);
    }
    this.#topics.set(contract.topic.name, contract.topic);
    watch.add({ contract, handler, onTombstone: options.onTombstone });
    if (this.#isStarted) void this.#startWatch(watch).catch(this.#failWith);
    return { ready: watch.ready };
  }

  async readToEnd(
    topic: string,
    visit: (records: readonly OpaqueRecord[]) => Promise<void> | void,
  ): Promise<void> {
    const group = `${this.service}.read.${newId()}`;
    await readTopicToEnd(topic, visit, {
      ...this.#groupOptions(group, { commits: false }),
      around: { ...this.#surroundings(group), writeDeadLetter: undefined },
    });
  }

  async start(): Promise<void> {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#measure();
    const groups = [...this.#groups.values()].filter(({ topics }) => topics.length > 0);
    await this.ensureTopics([...this.#topics.values()]);
    if (groups.length > 0) await this.#ensureDeadLetters();
    for (const group of groups) group.start();
    const joined = [
      ...groups.map((group) => group.joined),
      ...this.#watches.map((watch) => this.#startWatch(watch)),
    ];
    await beforeTimeout(Promise.all(joined), startTimeoutMs);
  }

  async stopIntake(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    clearInterval(this.#measuring);
    await Promise.all(
      [...this.#groups.values(), ...this.#watches].map((consumer) =>
        consumer[Symbol.asyncDispose](),
      ),
    );
  }

  async endOffsets(topic: string): Promise<Map<number, bigint>> {
    const watermarks = await this.#admin.watermarks(topic);
    return new Map([...watermarks].map(([partition, { high }]) => [partition, high]));
  }

  positions(): Position[] {
    return [...this.#groups.values(), ...this.#watches].flatMap((consumer) => consumer.positions());
  }

  async caughtUp(topic: string, withinMs: number): Promise<boolean> {
    const deadlineMs = performance.now() + withinMs;
    const ends = await this.endOffsets(topic);
    const isThere = () => {
      const read = new Map(
        this.positions().flatMap((one) =>
          one.topic === topic ? [[one.partition, one.position] as const] : [],
        ),
      );
      return [...ends].every(([partition, end]) => (read.get(partition) ?? 0n) >= end);
    };
    while (!isThere()) {
      if (performance.now() >= deadlineMs) return false;
      await this.moved(deadlineMs - performance.now());
    }
    return true;
  }

  moved(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, withinMs);
      this.#waiting.add(done);
    });
  }

  async ensureTopics(topics: readonly TopicToEnsure[]): Promise<void> {
    await this.#admin.ensure(topics);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopIntake();
    const { closeTimeoutMs = 5000 } = this.#options;
    await Promise.all(
      this.#firehoses.map(async ({ lane }) => {
        await lane.flush(closeTimeoutMs);
        await lane[Symbol.asyncDispose]();
      }),
    );
    await this.#durable.flush(closeTimeoutMs);
    await this.#durable[Symbol.asyncDispose]();
    await this.#admin[Symbol.asyncDispose]();
  }

  readonly #failWith = (thrown: unknown): void =>
    this.#fail(
      thrown instanceof AppError
        ? thrown
        : new AppError('internal', 'the bus failed', { cause: thrown }),
    );

  #addReader(group: GroupConsumer, reader: TopicReader): void {
    group.add(reader);
    if (!this.#isStarted) return;
    void this.#ensureDeadLetters()
      .then(() => this.ensureTopics([...this.#topics.values()]))
      .then(() => group.start())
      .catch(this.#failWith);
  }

  #group(name: string): GroupConsumer {
    let group = this.#groups.get(name);
    if (!group) {
      group = new GroupConsumer(this.#groupOptions(name, { commits: true }));
      this.#groups.set(name, group);
    }
    return group;
  }

  #newWatch(): WatchGroup {
    const group = `${this.service}.watch.${newId()}`;
    return new WatchGroup(this.#groupOptions(group, { commits: false }), {
      ...this.#surroundings(group),
      writeDeadLetter: undefined,
    });
  }

  async #startWatch(watch: WatchGroup): Promise<void> {
    await this.ensureTopics([...this.#topics.values()]);
    await watch.start();
  }

  #groupOptions(group: string, { commits }: { commits: boolean }) {
    return {
      group,
      client: this.#client,
      admin: this.#admin,
      log: this.#log,
      metrics: this.#metrics,
      commits,
      handlerTimeoutMs: this.#options.handlerTimeoutMs ?? 300_000,
      onMoved: () => {
        for (const done of this.#waiting) done();
      },
      onGap: (gap: Gap) => this.#noteGap(gap),
      onFailed: this.#fail,
    };
  }

  #surroundings(group: string): Surroundings {
    return {
      service: this.service,
      group,
      policy: this.#options.policy ?? defaultPolicy,
      log: this.#log,
      metrics: this.#metrics,
      tracing: this.#tracing,
      clock: this.#clock,
      draw: Math.random,
      writeDeadLetter: async (letter) => {
        await this.send([letter]);
      },
    };
  }

  #noteGap(gap: Gap): void {
    const { topic, group, partition, from, to } = gap;
    this.#metrics.lost({ topic, group, partition }, Number(to - from));
    this.#log.error(
      { topic, group, partition, from: String(from), to: String(to) },
      'offsets were lost before they were read',
    );
    this.#gapListeners.get(`${group}/${topic}`)?.(gap);
  }

  #lane(limits: ConstructorParameters<typeof Lane>[1]): Lane {
    return new Lane(this.#client, limits, (topic, records, seconds) =>
      this.#metrics.published(topic, records, seconds),
    );
  }

  #measure(): void {
    if (this.#measuring) return;
    this.#measuring = setInterval(() => {
      for (const { topic, lane } of this.#firehoses)
        this.#metrics.ringBytes(topic, lane.pendingBytes);
    }, 1000);
    this.#measuring.unref();
  }

  #checkOwner({ type, topic }: EventContract): void {
    if (topic.owner !== this.service)
      throw new AppError('permission_denied', 'another service owns the topic', {
        details: { type, topic: topic.name, owner: topic.owner, service: this.service },
      });
  }

  /** A publish makes its topic at its first use, so that a service alone starts in any order. */
  async #ensureOwn(topic: Topic): Promise<void> {
    if (this.#admin.isEnsured(topic.name)) return;
    await this.#admin.ensure([topic], this.#publishTimeoutMs);
  }

  async #ensureDeadLetters(): Promise<void> {
    await this.ensureTopics([
      { ...deadLetterTopic(this.service), maxMessageBytes: deadLetterMaxBytes },
    ]);
  }
}

function taken(topic: Topic, group: GroupConsumer): Error {
  return new Error(
    `group ${group.group} has a handler for ${topic.name} already: use another group`,
  );
}

function asBuffer(value: Uint8Array | string): Buffer | string {
  if (typeof value === 'string' || Buffer.isBuffer(value)) return value;
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

function withReject(): { promise: Promise<never>; reject: (error: Error) => void } {
  let reject!: (error: Error) => void;
  const promise = new Promise<never>((_, rejecting) => (reject = rejecting));
  promise.catch(() => undefined);
  return { promise, reject };
}

async function beforeTimeout(work: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new AppError('unavailable', 'the consumer groups were not joined in time')),
      ms,
    );
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
