import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { AppError, newId } from '@flywheel/core';
import { FramedLog } from './log/framed-log.ts';
import type { LogEnvironment } from './log/partition-log.ts';
import { Topic } from './topic.ts';
import type { TopicConfigs } from './topic-configs.ts';

/** What the metadata journal holds. */
type MetadataRecord =
  | { readonly kind: 'cluster'; readonly id: string; readonly format: number }
  | {
      readonly kind: 'topic';
      readonly name: string;
      readonly id: string;
      readonly partitions: number;
      readonly configs: TopicConfigs;
      readonly starts: readonly (readonly [partition: number, offset: number])[];
    }
  | { readonly kind: 'deleted'; readonly name: string }
  | { readonly kind: 'partitions'; readonly name: string; readonly count: number }
  | { readonly kind: 'configs'; readonly name: string; readonly configs: TopicConfigs }
  | {
      readonly kind: 'start';
      readonly name: string;
      readonly partition: number;
      readonly offset: number;
    }
  | { readonly kind: 'producer-ids'; readonly end: number };

const producerIdBlock = 1000;
/** Of the data folder as a whole; a broker refuses a folder of a later one. */
const format = 1;

/** The topics of the broker and all else that must outlive it besides records and committed offsets. */
export class Topics {
  readonly #folder: string;
  readonly #environment: LogEnvironment;
  readonly #byName = new Map<string, Topic>();
  readonly #changing = new Set<string>();
  readonly #deletedIds = new Set<string>();
  #journal: FramedLog<MetadataRecord> | undefined;
  #clusterId = '';
  #nextProducerId = 0;
  #producerIdEnd = 0;
  #reserving: Promise<void> | undefined;

  private constructor(folder: string, environment: LogEnvironment) {
    this.#folder = folder;
    this.#environment = environment;
  }

  static async open(folder: string, environment: LogEnvironment): Promise<Topics> {
    const topics = new Topics(folder, environment);
    const logs = join(folder, 'logs');
    await mkdir(logs, { recursive: true });
    topics.#journal = await FramedLog.open<MetadataRecord>(
      {
        path: join(folder, 'metadata.journal'),
        disk: environment.disk,
        isSynced: environment.isSynced,
        log: environment.log,
        onFatal: environment.onFatal,
        rewriteAboveBytes: 1024 * 1024,
      },
      (record) => topics.#apply(record),
      () => topics.#snapshot(),
    );
    topics.#nextProducerId = topics.#producerIdEnd;
    if (topics.#clusterId === '')
      await topics.#write({ kind: 'cluster', id: randomBytes(16).toString('base64url'), format });
    await topics.#finishDeletions(logs);
    return topics;
  }

  get clusterId(): string {
    return this.#clusterId;
  }

  get(name: string): Topic | undefined {
    return this.#byName.get(name);
  }

  list(): readonly Topic[] {
    return [...this.#byName.values()];
  }

  /** Whether a topic of this name exists or is just being made or removed. */
  isTaken(name: string): boolean {
    return this.#byName.has(name) || this.#changing.has(name);
  }

  async create(name: string, partitions: number, configs: TopicConfigs): Promise<void> {
    this.#changing.add(name);
    try {
      await this.#write({ kind: 'topic', name, id: newId(), partitions, configs, starts: [] });
    } finally {
      this.#changing.delete(name);
    }
  }

  async delete(topic: Topic): Promise<void> {
    this.#changing.add(topic.name);
    try {
      await this.#write({ kind: 'deleted', name: topic.name });
      await topic.remove();
    } finally {
      this.#changing.delete(topic.name);
    }
  }

  async setPartitionCount(topic: Topic, count: number): Promise<void> {
    await this.#write({ kind: 'partitions', name: topic.name, count });
  }

  async setConfigs(topic: Topic, configs: TopicConfigs): Promise<void> {
    await this.#write({ kind: 'configs', name: topic.name, configs });
  }

  /** Moves the start of a partition's log, durably. */
  async setStart(topic: Topic, partition: number, offset: number): Promise<void> {
    await this.#write({ kind: 'start', name: topic.name, partition, offset });
    await (await topic.log(partition))?.startAt(offset);
  }

  /** A producer id that was never given before, also not before a crash: reserved durably in blocks. */
  async newProducerId(): Promise<number> {
    while (this.#nextProducerId >= this.#producerIdEnd) {
      this.#reserving ??= this.#write({
        kind: 'producer-ids',
        end: this.#producerIdEnd + producerIdBlock,
      }).finally(() => (this.#reserving = undefined));
      await this.#reserving;
    }
    return this.#nextProducerId++;
  }

  async close(): Promise<void> {
    await Promise.all(this.list().map((topic) => topic.close()));
    await this.#journal?.close();
  }

  /** Only what the journal says was deleted goes: folders nobody knows may be all that is left after damage. */
  async #finishDeletions(logs: string): Promise<void> {
    const known = new Set(this.list().map((topic) => topic.id));
    for (const name of await readdir(logs)) {
      if (known.has(name)) continue;
      if (this.#deletedIds.has(name)) await rm(join(logs, name), { recursive: true, force: true });
      else this.#environment.log.warn({ folder: join(logs, name) }, 'folder of no known topic');
    }
    this.#deletedIds.clear();
  }

  async #write(record: MetadataRecord): Promise<void> {
    await this.#journal?.append(record);
    this.#apply(record);
  }

  #apply(record: MetadataRecord): void {
    switch (record.kind) {
      case 'cluster':
        if (record.format > format)
          throw new AppError('conflict', 'data folder was written by a newer version', {
            details: { folder: this.#folder, format: record.format },
          });
        this.#clusterId = record.id;
        return;
      case 'topic': {
        const folder = join(this.#folder, 'logs', record.id);
        this.#byName.set(record.name, new Topic(record, folder, this.#environment));
        return;
      }
      case 'deleted':
        this.#deletedIds.add(this.#byName.get(record.name)?.id ?? '');
        this.#byName.delete(record.name);
        return;
      case 'partitions':
        this.#byName.get(record.name)?.grow(record.count);
        return;
      case 'configs':
        this.#byName.get(record.name)?.configure(record.configs);
        return;
      case 'start':
        this.#byName.get(record.name)?.noteStart(record.partition, record.offset);
        return;
      case 'producer-ids':
        this.#producerIdEnd = record.end;
        return;
    }
  }

  *#snapshot(): Iterable<MetadataRecord> {
    yield { kind: 'cluster', id: this.#clusterId, format };
    yield { kind: 'producer-ids', end: this.#producerIdEnd };
    for (const topic of this.#byName.values())
      yield {
        kind: 'topic',
        name: topic.name,
        id: topic.id,
        partitions: topic.partitionCount,
        configs: topic.configs,
        starts: topic.starts,
      };
  }
}
