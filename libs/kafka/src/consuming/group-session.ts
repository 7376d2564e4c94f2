import type { Consumer, EachBatchPayload } from 'kafkajs';
import { AppError } from '@flywheel/core';
import { type Client, openClient, within } from '../client/client.ts';
import { partitionAssigner } from '../client/assigner.ts';
import { fetchWaitMs } from '../client/long-fetch.ts';
import { ReadRecord } from '../wire/read-record.ts';
import type { RecordToWrite } from '../wire/record.ts';
import { type GroupOptions, PartitionMemory } from './group-consumer.ts';
import { PartitionWorker, type TopicReader } from './partition-worker.ts';
import { resumeOffset } from './resume-offset.ts';

const maxBytesPerPartition = 1_048_576;
const highBytes = 2 * maxBytesPerPartition;
const lowBytes = maxBytesPerPartition;
const commitEveryMs = 500;
const finishWithinMs = 10_000;
const silentForMs = 60_000;
const rebalanceTimeoutMs = 30_000;
const sessionTimeoutMs = 15_000;

/**
 * One life of a consumer: from connecting to its end. Fetching never waits for handling beyond a moment: records go to
 * a worker per partition, a partition whose worker is behind is paused, and the group's heartbeat goes on meanwhile.
 */
export class GroupSession {
  readonly #options: GroupOptions;
  readonly #readers: ReadonlyMap<string, TopicReader>;
  readonly #memory: Map<string, PartitionMemory>;
  readonly #onJoined: () => void;
  readonly #client: Client;
  readonly #consumer: Consumer;
  readonly #workers = new Map<string, PartitionWorker>();
  /** Workers of partitions given up whose last record is still being handled. */
  readonly #lingering = new Map<string, Promise<void>>();
  /** Batches handed over since the last report, to tell those that held nothing to handle. */
  readonly #delivered = new Set<string>();
  #commitTimer: NodeJS.Timeout | undefined;
  #committing: Promise<void> = Promise.resolve();
  #lastSignMs = performance.now();
  #end!: (error?: Error) => void;
  readonly #ended: Promise<void>;
  readonly #leaving = new AbortController();
  #isEnding = false;

  constructor(
    options: GroupOptions,
    readers: ReadonlyMap<string, TopicReader>,
    memory: Map<string, PartitionMemory>,
    onJoined: () => void,
  ) {
    this.#options = options;
    this.#readers = readers;
    this.#memory = memory;
    this.#onJoined = onJoined;
    this.#ended = new Promise((resolve, reject) => {
      this.#end = (error) => (error === undefined ? resolve() : reject(error));
    });
    this.#ended.catch(() => undefined);
    // A join is answered after the rebalance time-out at the latest, so silence must be longer than that.
    this.#client = openClient(options.client, {
      requestTimeoutMs: 15_000,
      silenceMs: rebalanceTimeoutMs + 15_000,
    });
    // Nobody else joins a group that keeps no offsets: no rebalance to hear of soon.
    const heartbeatMs = options.commits ? 1000 : sessionTimeoutMs / 3;
    this.#consumer = this.#client.kafka.consumer({
      groupId: options.group,
      partitionAssigners: [
        partitionAssigner(this.#client.library.AssignerProtocol, {
          beforeJoin: () => this.#finish(),
          outOfRange: (topic, partition, offset) => this.#noteLost(topic, partition, offset),
          fetching: { heartbeatMs, leaving: this.#leaving.signal },
        }),
      ],
      sessionTimeout: sessionTimeoutMs,
      rebalanceTimeout: rebalanceTimeoutMs,
      heartbeatInterval: heartbeatMs,
      maxWaitTimeInMs: fetchWaitMs,
      minBytes: 1,
      maxBytes: 8 * maxBytesPerPartition,
      maxBytesPerPartition,
      metadataMaxAge: 60_000,
      allowAutoTopicCreation: false,
      retry: {
        retries: 3,
        initialRetryTime: 100,
        maxRetryTime: 1000,
        restartOnFailure: () => Promise.resolve(false),
      },
    });
  }

  /** Ends the session in good order; `run` then resolves. */
  restart(): void {
    this.#end();
  }

  /** Resolves when the session was ended on purpose, rejects when it died. */
  async run(): Promise<void> {
    const watch = setInterval(() => this.#watch(), 1000);
    watch.unref();
    try {
      this.#listen();
      await this.#connect();
      await this.#ended;
    } finally {
      clearInterval(watch);
      this.#isEnding = true;
      await this.#finish();
      clearTimeout(this.#commitTimer);
      await this.#leave();
    }
  }

  async #connect(): Promise<void> {
    await this.#consumer.connect();
    await this.#consumer.subscribe({ topics: [...this.#readers.keys()], fromBeginning: true });
    await this.#consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: 64,
      eachBatch: (payload) => this.#accept(payload),
    });
  }

  async #leave(): Promise<void> {
    const left = within(5000, this.#consumer.disconnect());
    // After the library has stopped asking: a fetch that waits for records ends now.
    this.#leaving.abort();
    await left;
    this.#client.sockets.destroyAll();
  }

  #listen(): void {
    const { events } = this.#consumer;
    const alive = () => (this.#lastSignMs = performance.now());
    this.#consumer.on(events.FETCH, alive);
    this.#consumer.on(events.HEARTBEAT, alive);
    this.#consumer.on(events.GROUP_JOIN, ({ payload }) => {
      alive();
      this.#assign(payload.memberAssignment);
    });
    this.#consumer.on(events.REBALANCING, () =>
      this.#options.metrics.rebalances(this.#options.group),
    );
    this.#consumer.on(events.CRASH, ({ payload }) => this.#end(crash(payload.error)));
    this.#consumer.on(events.END_BATCH_PROCESS, ({ payload }) => {
      const place = `${payload.topic}/${payload.partition}`;
      // A batch that held nothing to handle (control records, compacted ones) still moves the position.
      if (!this.#delivered.delete(place))
        this.#workers.get(place)?.accept([], Number(payload.lastOffset));
    });
  }

  #assign(assignment: Readonly<Record<string, number[]>>): void {
    for (const [topic, partitions] of Object.entries(assignment)) {
      const reader = this.#readers.get(topic);
      if (!reader) continue;
      this.#consumer.resume([{ topic, partitions }]);
      for (const partition of partitions) this.#begin(reader, partition);
      void this.#learnOffsets(reader, partitions);
    }
    this.#onJoined();
  }

  #begin(reader: TopicReader, partition: number): void {
    const { topic } = reader;
    const place = `${topic}/${partition}`;
    const worker = new PartitionWorker(reader, partition, {
      predecessor: this.#lingering.get(place) ?? Promise.resolve(),
      lowBytes,
      hooks: {
        advanced: (advanced) => this.#advanced(place, advanced),
        roomy: (roomy) => this.#resume(roomy),
        failed: this.#options.onFailed,
      },
    });
    this.#workers.set(place, worker);
    if (!reader.startAt) return;
    this.#consumer.pause([{ topic, partitions: [partition] }]);
    worker.isPaused = true;
    void this.#seek(place, worker, reader.startAt);
  }

  /** A sink that keeps its own offsets says where to go on. */
  async #seek(
    place: string,
    worker: PartitionWorker,
    startAt: NonNullable<TopicReader['startAt']>,
  ): Promise<void> {
    const { partition, reader } = worker;
    const answer = await resumeOffset(() => startAt(partition), {
      log: this.#options.log,
      isOver: () => this.#workers.get(place) !== worker || this.#isEnding,
      onFailed: this.#options.onFailed,
    });
    if (!answer || this.#workers.get(place) !== worker || this.#isEnding) return;
    const { offset } = answer;
    if (offset !== undefined) {
      this.#memoryOf(place).handled = Number(offset);
      this.#consumer.seek({ topic: reader.topic, partition, offset: String(offset) });
    }
    this.#resume(worker);
  }

  /** The committed offsets and the ends, for the lag of partitions nothing arrives on. */
  async #learnOffsets({ topic }: TopicReader, partitions: readonly number[]): Promise<void> {
    const { admin, group, commits, log } = this.#options;
    try {
      const committed = commits ? await admin.committed(group, [topic]) : undefined;
      const watermarks = await admin.watermarks(topic);
      for (const partition of partitions) {
        const memory = this.#memoryOf(`${topic}/${partition}`);
        const { low = 0n, high = 0n } = watermarks.get(partition) ?? {};
        memory.committedAtStart = Number(committed?.get(`${topic}/${partition}`) ?? low);
        if (high > memory.end) memory.end = high;
      }
      this.#options.onMoved();
    } catch (err) {
      log.debug({ err, topic, group }, 'offsets could not be learnt');
    }
  }

  async #accept(payload: EachBatchPayload): Promise<void> {
    const { batch } = payload;
    const place = `${batch.topic}/${batch.partition}`;
    this.#delivered.add(place);
    const worker = this.#workers.get(place);
    if (!worker || !payload.isRunning() || payload.isStale()) return;
    const fetched = Number(Reflect.get(batch, 'fetchedOffset'));
    this.#noteFetch(place, worker, fetched, BigInt(batch.highWatermark));
    worker.accept(this.#recordsOf(batch), Number(batch.lastOffset()));
    payload.resolveOffset(batch.messages.at(-1)?.offset ?? batch.lastOffset());
    if (worker.queuedBytes <= highBytes) return;
    await worker.room(200);
    if (worker.queuedBytes <= highBytes || this.#workers.get(place) !== worker) return;
    worker.isPaused = true;
    this.#consumer.pause([{ topic: batch.topic, partitions: [batch.partition] }]);
  }

  #recordsOf({ messages }: EachBatchPayload['batch']): ReadRecord[] {
    // Our decoder makes these records (client/patched-kafkajs.ts).
    if (this.#client.hasOurCoders) return messages as unknown as ReadRecord[];
    return messages.map((message) => ReadRecord.from(message as typeof message & RecordToWrite));
  }

  /** Compares where the fetch began with where it should have. */
  #noteFetch(place: string, worker: PartitionWorker, fetched: number, high: bigint): void {
    const memory = this.#memoryOf(place);
    worker.highWatermark = high;
    memory.end = high;
    if (memory.handled !== undefined && BigInt(memory.handled) > high) {
      this.#options.log.warn({ place, handled: memory.handled }, 'a topic was made anew');
      memory.handled = undefined;
    }
    if (worker.accepted === undefined && memory.handled !== undefined && memory.handled > fetched)
      worker.accepted = memory.handled;
    const from = memory.lostFrom;
    memory.lostFrom = undefined;
    if (from === undefined || from >= BigInt(fetched)) return;
    const { topic } = worker.reader;
    const { group, onGap } = this.#options;
    onGap({ topic, group, partition: worker.partition, from, to: BigInt(fetched) });
  }

  #noteLost(topic: string, partition: number, offset: bigint): void {
    this.#memoryOf(`${topic}/${partition}`).lostFrom = offset;
    const { log, group } = this.#options;
    log.error({ topic, partition, group, offset: String(offset) }, 'an offset is out of range');
  }

  #advanced(place: string, worker: PartitionWorker): void {
    const memory = this.#memoryOf(place);
    memory.handled = worker.handled;
    this.#options.onMoved();
    if (!this.#options.commits || this.#commitTimer) return;
    this.#commitTimer = setTimeout(() => {
      this.#commitTimer = undefined;
      void this.#commit();
    }, commitEveryMs);
  }

  #resume(worker: PartitionWorker): void {
    if (!worker.isPaused || this.#isEnding) return;
    worker.isPaused = false;
    this.#consumer.resume([{ topic: worker.reader.topic, partitions: [worker.partition] }]);
  }

  /** One commit at a time, of the partitions that are ours now. */
  #commit(): Promise<void> {
    this.#committing = this.#committing.then(() => this.#commitNow());
    return this.#committing;
  }

  async #commitNow(): Promise<void> {
    if (!this.#options.commits) return;
    const due = [...this.#workers.values()].filter(
      ({ handled, committed }) => handled !== undefined && handled !== committed,
    );
    if (due.length === 0) return;
    const offsets = due.map((worker) => ({ worker, offset: worker.handled }));
    try {
      await this.#consumer.commitOffsets(
        offsets.map(({ worker, offset }) => ({
          topic: worker.reader.topic,
          partition: worker.partition,
          offset: String(offset),
        })),
      );
      for (const { worker, offset } of offsets) worker.committed = offset;
    } catch (err) {
      // What is not committed is delivered again; the next commit may succeed.
      this.#options.log.debug({ err, group: this.#options.group }, 'offsets were not committed');
    }
  }

  /** Before the member joins again, and at the end: the work in hand is finished and committed, the rest forgotten. */
  async #finish(): Promise<void> {
    if (this.#workers.size === 0) return;
    const workers = [...this.#workers];
    const stopped = Promise.all(workers.map(([, worker]) => worker.stop()));
    // A handler that was given up is not waited for again.
    const waitMs = workers.some(([, worker]) => worker.isAborted) ? 1000 : finishWithinMs;
    if (!(await within(waitMs, stopped))) {
      for (const [, worker] of workers) worker.abort();
      await within(2000, stopped);
    }
    await within(3000, this.#commit());
    for (const [place, worker] of workers) {
      this.#workers.delete(place);
      const settled = worker.settled.then(() => {
        if (this.#lingering.get(place) === settled) this.#lingering.delete(place);
      });
      this.#lingering.set(place, settled);
    }
  }

  #watch(): void {
    if (performance.now() - this.#lastSignMs > silentForMs)
      this.#end(new AppError('unavailable', 'a consumer went silent'));
    for (const worker of this.#workers.values()) {
      this.#measure(worker);
      if (worker.busyMs() <= this.#options.handlerTimeoutMs) continue;
      worker.abort();
      this.#options.onFailed(
        new AppError('deadline_exceeded', 'a handler did not return', {
          details: { topic: worker.reader.topic, group: this.#options.group },
        }),
      );
    }
  }

  #measure(worker: PartitionWorker): void {
    const { group, metrics } = this.#options;
    const { partition, reader, highWatermark, handled, lastEventTimeMs } = worker;
    if (handled === undefined) return;
    const lag = Math.max(0, Number(highWatermark) - handled);
    const labels = { topic: reader.topic, group, partition };
    metrics.lagMessages(labels, lag);
    metrics.lagSeconds(
      labels,
      lag > 0 && lastEventTimeMs > 0 ? (Date.now() - lastEventTimeMs) / 1000 : 0,
    );
  }

  #memoryOf(place: string): PartitionMemory {
    let memory = this.#memory.get(place);
    if (!memory) {
      memory = new PartitionMemory();
      this.#memory.set(place, memory);
    }
    return memory;
  }
}

function crash(cause: Error): AppError {
  const isRetriable = 'retriable' in cause && cause.retriable === true;
  const isExhausted = cause.name === 'KafkaJSNumberOfRetriesExceeded';
  const isConnection = /Connection|Broker|Timeout/.test(cause.name + cause.message);
  const code = isRetriable || isExhausted || isConnection ? 'unavailable' : 'internal';
  return new AppError(code, 'a consumer crashed', { cause });
}
