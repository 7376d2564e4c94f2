import { setTimeout as delay } from 'node:timers/promises';
import { AppError, type Logger } from '@flywheel/core';
import type { ClientOptions } from '../client/client.ts';
import type { TopicsAdmin } from '../client/topics-admin.ts';
import type { BusMetrics } from '../ports.ts';
import type { TopicReader } from './partition-worker.ts';
import { GroupSession } from './group-session.ts';

/** How far the group is with one partition. `end` is the offset after the last record, as far as is known. */
export type Position = {
  readonly topic: string;
  readonly group: string;
  readonly partition: number;
  readonly position: bigint;
  readonly end: bigint;
  readonly lag: bigint;
};

/** Offsets that were passed over because the log no longer has them (`from` included, `to` not). */
export type Gap = {
  readonly topic: string;
  readonly group: string;
  readonly partition: number;
  readonly from: bigint;
  readonly to: bigint;
};

export type GroupOptions = {
  readonly group: string;
  readonly client: ClientOptions;
  readonly admin: TopicsAdmin;
  readonly log: Logger;
  readonly metrics: BusMetrics;
  /** A group that keeps no offsets reads every partition from its beginning. */
  readonly commits: boolean;
  readonly handlerTimeoutMs: number;
  readonly onMoved: () => void;
  readonly onGap: (gap: Gap) => void;
  readonly onFailed: (error: AppError) => void;
};

/** Kept over reconnections, so that what was handled is not handled again. */
export class PartitionMemory {
  handled: number | undefined;
  end = 0n;
  /** The group's committed offset when the partition was assigned. */
  committedAtStart: number | undefined;
  /** The offset that was asked for and is gone; until the next fetch says where the log begins. */
  lostFrom: bigint | undefined;
}

const maxFatalFailures = 5;

/** One member of one consumer group for all its topics, kept alive: a session that dies is followed by another. */
export class GroupConsumer implements AsyncDisposable {
  readonly #options: GroupOptions;
  readonly #readers = new Map<string, TopicReader>();
  readonly #memory = new Map<string, PartitionMemory>();
  readonly #stopping = new AbortController();
  #session: GroupSession | undefined;
  #running: Promise<void> | undefined;
  #joined: (() => void) | undefined;
  readonly joined: Promise<void>;

  constructor(options: GroupOptions) {
    this.#options = options;
    this.joined = new Promise((resolve) => (this.#joined = resolve));
  }

  get group(): string {
    return this.#options.group;
  }

  reader(topic: string): TopicReader | undefined {
    return this.#readers.get(topic);
  }

  get topics(): string[] {
    return [...this.#readers.keys()];
  }

  /** May be called while running: the member then rejoins its group with one topic more. */
  add(reader: TopicReader): void {
    this.#readers.set(reader.topic, reader);
    this.#session?.restart();
  }

  start(): void {
    this.#running ??= this.#supervise();
  }

  positions(): Position[] {
    return [...this.#memory].flatMap(([place, memory]) => {
      const position = memory.handled ?? memory.committedAtStart;
      if (position === undefined) return [];
      const slash = place.lastIndexOf('/');
      const end = memory.end > BigInt(position) ? memory.end : BigInt(position);
      return [
        {
          topic: place.slice(0, slash),
          group: this.group,
          partition: Number(place.slice(slash + 1)),
          position: BigInt(position),
          end,
          lag: end - BigInt(position),
        },
      ];
    });
  }

  /** Resolves when the work in hand is finished and its offsets are committed. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    this.#session?.restart();
    await this.#running;
  }

  async #supervise(): Promise<void> {
    let failures = 0;
    while (!this.#stopping.signal.aborted) {
      const startedMs = performance.now();
      const session = new GroupSession(this.#options, this.#readers, this.#memory, () =>
        this.#joined?.(),
      );
      this.#session = session;
      try {
        await session.run();
        failures = 0;
      } catch (error) {
        if (performance.now() - startedMs > 60_000) failures = 0;
        failures++;
        await this.#afterFailure(error, failures);
      }
    }
  }

  async #afterFailure(err: unknown, failures: number): Promise<void> {
    const { log, group } = this.#options;
    log.warn({ err, group, failures }, 'a consumer lost its broker and starts again');
    const isRetriable = !(err instanceof AppError) || err.retryable;
    if (!isRetriable && failures >= maxFatalFailures)
      this.#options.onFailed(
        new AppError('unavailable', 'a consumer cannot run', { cause: err, details: { group } }),
      );
    const waitMs = Math.min(5000, 100 * 2 ** failures) * (0.5 + Math.random() / 2);
    await delay(waitMs, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
  }
}
