import { setTimeout as delay } from 'node:timers/promises';
import type { Topic } from '@flywheel/contracts';
import { EventReader, type EventRoute } from './event-reader.ts';
import { GroupConsumer, type GroupOptions, type Position } from './group-consumer.ts';
import type { Surroundings } from './settle.ts';

/** Reads topics from their beginning under a group name nobody else has, and knows when it has seen all that was there. */
export class WatchGroup implements AsyncDisposable {
  readonly #options: GroupOptions;
  readonly #around: Surroundings;
  readonly #consumer: GroupConsumer;
  readonly #readers = new Map<string, EventReader>();
  readonly #closing = new AbortController();
  readonly ready: Promise<void>;
  #becomeReady!: () => void;
  isStarted = false;

  constructor(options: GroupOptions, around: Surroundings) {
    this.#options = options;
    this.#around = around;
    this.#consumer = new GroupConsumer(options);
    this.ready = new Promise((resolve) => (this.#becomeReady = resolve));
  }

  add<Data>(route: EventRoute<Data>): void {
    const topic: Topic = route.contract.topic;
    let reader = this.#readers.get(topic.name);
    if (!reader) {
      reader = new EventReader(topic, this.#around);
      this.#readers.set(topic.name, reader);
      this.#consumer.add(reader);
    }
    reader.add(route);
  }

  /** Resolves when the group is joined. */
  async start(): Promise<void> {
    if (this.isStarted) return this.#consumer.joined;
    this.isStarted = true;
    this.#consumer.start();
    void this.#waitUntilSeen();
    await this.#consumer.joined;
  }

  positions(): Position[] {
    return this.#consumer.positions();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#consumer[Symbol.asyncDispose]();
    if (!this.isStarted) return;
    // Brokers forget empty groups by themselves; this only spares them the wait.
    await this.#options.admin.deleteGroup(this.#options.group).catch(() => undefined);
  }

  async #waitUntilSeen(): Promise<void> {
    await this.#consumer.joined;
    const missing = await this.#ends();
    while (missing.size > 0 && !this.#closing.signal.aborted) {
      for (const { topic, partition, position } of this.#consumer.positions()) {
        const end = missing.get(`${topic}/${partition}`);
        if (end !== undefined && position >= end) missing.delete(`${topic}/${partition}`);
      }
      if (missing.size > 0) await this.#pause(10);
    }
    if (!this.#closing.signal.aborted) this.#becomeReady();
  }

  /** Where each partition ended when the watch began; those without records are seen already. */
  async #ends(): Promise<Map<string, bigint>> {
    const ends = new Map<string, bigint>();
    for (const topic of this.#readers.keys()) {
      for (let waitMs = 50; !this.#closing.signal.aborted; waitMs = Math.min(2000, waitMs * 2)) {
        try {
          for (const [partition, { low, high }] of await this.#options.admin.watermarks(topic))
            if (high > low) ends.set(`${topic}/${partition}`, high);
          break;
        } catch (err) {
          this.#options.log.warn({ err, topic }, 'the end of a topic could not be learnt yet');
          await this.#pause(waitMs);
        }
      }
    }
    return ends;
  }

  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#closing.signal }).catch(() => undefined);
  }
}
