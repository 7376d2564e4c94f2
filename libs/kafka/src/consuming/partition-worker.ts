import type { AppError } from '@flywheel/core';
import type { ReadRecord } from '../wire/read-record.ts';

/** What a reader of a topic sees of the partition it works on. */
export type PartitionContext = {
  readonly partition: number;
  /** Aborted when the partition goes to another member and the work in hand took too long, and at the end. */
  readonly signal: AbortSignal;
  /** The reader takes no further record. */
  readonly isStopping: () => boolean;
  readonly highWatermark: () => bigint;
  /** Says that the work goes on although it takes long. */
  readonly touch: () => void;
  /** Everything before `offset` is done with. */
  readonly advance: (offset: number, eventTimeMs: number) => void;
  /** The partition cannot go on: the process must stop. */
  readonly fail: (error: AppError) => void;
};

/** Does something with the records of one topic, a partition at a time, in order. Never throws. */
export type TopicReader = {
  readonly topic: string;
  /** At most so many at once. */
  readonly maxRecords: number;
  /** Where to resume, if the sink knows better than the group. */
  readonly startAt?: ((partition: number) => Promise<bigint | undefined>) | undefined;
  read(records: readonly ReadRecord[], context: PartitionContext): Promise<void>;
};

export type WorkerHooks = {
  readonly advanced: (worker: PartitionWorker) => void;
  readonly roomy: (worker: PartitionWorker) => void;
  readonly failed: (error: AppError) => void;
};

/** The records of one partition that were fetched and are not done with, and the one loop that works on them. */
export class PartitionWorker {
  readonly reader: TopicReader;
  readonly partition: number;
  readonly #hooks: WorkerHooks;
  readonly #abort = new AbortController();
  readonly #predecessor: Promise<void>;
  readonly #lowBytes: number;
  #queue: ReadRecord[] = [];
  #head = 0;
  #queuedBytes = 0;
  #isStopping = false;
  #running: Promise<void> | undefined;
  #roomWaiters: (() => void)[] = [];
  /** The offset after the last one accepted; undefined before the first. */
  accepted: number | undefined;
  /** The offset after the last one done with. */
  handled: number | undefined;
  committed: number | undefined;
  highWatermark = 0n;
  lastEventTimeMs = 0;
  isPaused = false;
  #busySinceMs: number | undefined;

  constructor(
    reader: TopicReader,
    partition: number,
    options: { hooks: WorkerHooks; predecessor: Promise<void>; lowBytes: number },
  ) {
    this.reader = reader;
    this.partition = partition;
    this.#hooks = options.hooks;
    this.#predecessor = options.predecessor;
    this.#lowBytes = options.lowBytes;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** How long the reader has been at the same piece of work. */
  busyMs(): number {
    return this.#busySinceMs === undefined ? 0 : performance.now() - this.#busySinceMs;
  }

  /** Takes the records not taken before, up to and with `lastOffset` (the last ones may be control records). */
  accept(records: readonly ReadRecord[], lastOffset: number): void {
    if (this.#isStopping) return;
    for (const record of records) {
      if (this.accepted !== undefined && Number(record.offset) < this.accepted) continue;
      this.#queue.push(record);
      this.#queuedBytes += record.sizeBytes;
    }
    this.accepted = Math.max(this.accepted ?? 0, lastOffset + 1);
    this.#running ??= this.#run();
  }

  /** Resolves when the queue has run low, or after `withinMs`. */
  async room(withinMs: number): Promise<void> {
    if (this.#queuedBytes <= this.#lowBytes || this.#isStopping) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      this.#roomWaiters.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** No further record is begun; resolves when the one in hand is finished. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#wakeWaiters();
    await this.#running;
  }

  get isAborted(): boolean {
    return this.#abort.signal.aborted;
  }

  abort(): void {
    this.#isStopping = true;
    this.#abort.abort();
  }

  /** Resolves when nothing of this worker runs any more. */
  get settled(): Promise<void> {
    return this.#running ?? Promise.resolve();
  }

  async #run(): Promise<void> {
    await this.#predecessor;
    const context = this.#context();
    while (!this.#isStopping && this.#head < this.#queue.length) {
      const records = this.#queue.slice(this.#head, this.#head + this.reader.maxRecords);
      this.#busySinceMs = performance.now();
      await this.reader.read(records, context);
      this.#busySinceMs = undefined;
      this.#release(records);
    }
    if (!this.#isStopping && this.accepted !== undefined)
      context.advance(this.accepted, this.lastEventTimeMs);
    this.#running = undefined;
  }

  #context(): PartitionContext {
    return {
      partition: this.partition,
      signal: this.#abort.signal,
      isStopping: () => this.#isStopping,
      highWatermark: () => this.highWatermark,
      touch: () => (this.#busySinceMs = performance.now()),
      advance: (offset, eventTimeMs) => {
        if (this.handled !== undefined && offset <= this.handled) return;
        this.handled = offset;
        this.lastEventTimeMs = eventTimeMs;
        this.#busySinceMs &&= performance.now();
        this.#hooks.advanced(this);
      },
      fail: (error) => {
        this.#isStopping = true;
        this.#hooks.failed(error);
      },
    };
  }

  #release(records: readonly ReadRecord[]): void {
    this.#head += records.length;
    for (const record of records) this.#queuedBytes -= record.sizeBytes;
    if (this.#head === this.#queue.length) {
      this.#queue = [];
      this.#head = 0;
    } else if (this.#head > 4096) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    if (this.#queuedBytes > this.#lowBytes) return;
    this.#wakeWaiters();
    this.#hooks.roomy(this);
  }

  #wakeWaiters(): void {
    const waiters = this.#roomWaiters;
    this.#roomWaiters = [];
    for (const wake of waiters) wake();
  }
}
