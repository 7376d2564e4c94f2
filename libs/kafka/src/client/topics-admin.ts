import { setTimeout as delay } from 'node:timers/promises';
import type { Admin } from 'kafkajs';
import { AppError } from '@flywheel/core';
import { type Client, type ClientOptions, brokerErrorType, openClient, within } from './client.ts';

/** What a topic shall be like when it has to be made; an existing one is left as it is. */
export type TopicToEnsure = {
  readonly name: string;
  readonly partitions: number;
  readonly cleanup: 'delete' | 'compact';
  readonly retentionMs?: number | undefined;
  readonly maxMessageBytes?: number | undefined;
};

export type Watermarks = { readonly low: bigint; readonly high: bigint };

/** The questions and orders that are no publishing and no consuming, over a connection of their own. */
export class TopicsAdmin implements AsyncDisposable {
  readonly #options: ClientOptions;
  readonly #ensured = new Set<string>();
  readonly #ensuring = new Map<string, Promise<void>>();
  #open: { client: Client; admin: Admin; connected: Promise<void> } | undefined;
  #isClosed = false;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** Several processes may do this at once. `unavailable` if it is not done within `withinMs`. */
  async ensure(topics: readonly TopicToEnsure[], withinMs = 30_000): Promise<void> {
    const missing = topics.filter(({ name }) => !this.#ensured.has(name));
    if (missing.length === 0) return;
    const name = missing.map((topic) => topic.name).join();
    let ensuring = this.#ensuring.get(name);
    if (!ensuring) {
      ensuring = this.#ensure(missing, withinMs).finally(() => this.#ensuring.delete(name));
      this.#ensuring.set(name, ensuring);
    }
    await ensuring;
  }

  isEnsured(topic: string): boolean {
    return this.#ensured.has(topic);
  }

  async watermarks(topic: string): Promise<Map<number, Watermarks>> {
    const offsets = await this.#ask((admin) => admin.fetchTopicOffsets(topic));
    return new Map(
      offsets.map(({ partition, low, high }) => [
        partition,
        { low: BigInt(low), high: BigInt(high) },
      ]),
    );
  }

  /** The committed offsets of a group; partitions without one are absent. */
  async committed(group: string, topics: readonly string[]): Promise<Map<string, bigint>> {
    const answer = await this.#ask((admin) =>
      admin.fetchOffsets({ groupId: group, topics: [...topics] }),
    );
    const committed = new Map<string, bigint>();
    for (const { topic, partitions } of answer)
      for (const { partition, offset } of partitions)
        if (Number(offset) >= 0) committed.set(`${topic}/${partition}`, BigInt(offset));
    return committed;
  }

  async deleteGroup(group: string): Promise<void> {
    await this.#ask((admin) => admin.deleteGroups([group]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await this.#close();
  }

  async #ensure(topics: readonly TopicToEnsure[], withinMs: number): Promise<void> {
    const deadlineAtMs = performance.now() + withinMs;
    for (let waitMs = 50; ; waitMs = Math.min(1000, waitMs * 2)) {
      let cause: unknown;
      try {
        if (await this.#createMissing(topics)) {
          for (const { name } of topics) this.#ensured.add(name);
          return;
        }
      } catch (error) {
        if (refusals.has(brokerErrorType(error) ?? ''))
          throw new AppError('permission_denied', 'the log does not let us make topics', {
            cause: error,
          });
        cause = error;
      }
      if (performance.now() > deadlineAtMs || this.#isClosed)
        throw new AppError('unavailable', 'topics could not be made', {
          cause,
          details: { topics: topics.map(({ name }) => name) },
        });
      await delay(waitMs);
    }
  }

  /** True when all of them are there and have leaders. */
  async #createMissing(topics: readonly TopicToEnsure[]): Promise<boolean> {
    return this.#ask(async (admin) => {
      const present = new Set(await admin.listTopics());
      const missing = topics.filter(({ name }) => !present.has(name));
      if (missing.length > 0) await createTopics(admin, missing);
      const { topics: found } = await admin.fetchTopicMetadata({
        topics: topics.map(({ name }) => name),
      });
      return found.every(
        ({ partitions }) => partitions.length > 0 && partitions.every(({ leader }) => leader >= 0),
      );
    });
  }

  async #ask<T>(question: (admin: Admin) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      if (this.#isClosed) throw new AppError('unavailable', 'the bus was closed');
      this.#open ??= this.#connect();
      const { connected, admin } = this.#open;
      try {
        await connected;
        return await question(admin);
      } catch (error) {
        // Brokers learn of new topics and leaders one after the other.
        const mayPass = settling.has(brokerErrorType(error) ?? '') && attempt < maxAttempts;
        if (brokerErrorType(error) === undefined) await this.#close();
        if (!mayPass) throw error;
        await delay(50 * attempt);
      }
    }
  }

  #connect(): { client: Client; admin: Admin; connected: Promise<void> } {
    const client = openClient(this.#options, { requestTimeoutMs: 10_000, silenceMs: 15_000 });
    const admin = client.kafka.admin({
      retry: { retries: 2, initialRetryTime: 50, maxRetryTime: 500 },
    });
    return { client, admin, connected: admin.connect() };
  }

  async #close(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    if (!open) return;
    await within(2000, open.admin.disconnect());
    open.client.sockets.destroyAll();
  }
}

const maxAttempts = 8;
const settling = new Set([
  'UNKNOWN_TOPIC_OR_PARTITION',
  'LEADER_NOT_AVAILABLE',
  'NOT_LEADER_FOR_PARTITION',
  'NOT_CONTROLLER',
  'GROUP_COORDINATOR_NOT_AVAILABLE',
  'GROUP_LOAD_IN_PROGRESS',
  'NOT_COORDINATOR_FOR_GROUP',
]);
const refusals = new Set(['TOPIC_AUTHORIZATION_FAILED', 'CLUSTER_AUTHORIZATION_FAILED']);

async function createTopics(admin: Admin, topics: readonly TopicToEnsure[]): Promise<void> {
  // Without waiting for leaders: the library's wait fails on a topic the broker has just made.
  await admin.createTopics({
    waitForLeaders: false,
    topics: topics.map(({ name, partitions, cleanup, retentionMs, maxMessageBytes }) => ({
      topic: name,
      numPartitions: partitions,
      replicationFactor: -1,
      configEntries: [
        { name: 'cleanup.policy', value: cleanup },
        ...(retentionMs === undefined
          ? []
          : [{ name: 'retention.ms', value: String(retentionMs) }]),
        ...(maxMessageBytes === undefined
          ? []
          : [{ name: 'max.message.bytes', value: String(maxMessageBytes) }]),
      ],
    })),
  });
}
