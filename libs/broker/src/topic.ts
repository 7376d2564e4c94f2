import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PartitionLog } from './log/partition-log.ts';
import type { LogEnvironment, LogSettings } from './log/partition-log.ts';
import { cleanupPolicies, configValue } from './topic-configs.ts';
import type { TopicConfigs } from './topic-configs.ts';

type PartitionState = {
  startOffset: number;
  log: PartitionLog | undefined;
  opening: Promise<PartitionLog | undefined> | undefined;
};

/** One topic: its configs and its partitions, whose logs are opened when they are first needed. */
export class Topic {
  readonly name: string;
  readonly id: string;
  readonly #folder: string;
  readonly #environment: LogEnvironment;
  readonly #partitions: PartitionState[] = [];
  #configs: TopicConfigs;
  #settings: LogSettings;
  #isGone = false;

  constructor(
    stored: {
      name: string;
      id: string;
      partitions: number;
      configs: TopicConfigs;
      starts: readonly (readonly [partition: number, offset: number])[];
    },
    folder: string,
    environment: LogEnvironment,
  ) {
    this.name = stored.name;
    this.id = stored.id;
    this.#folder = folder;
    this.#environment = environment;
    this.#configs = stored.configs;
    this.#settings = settingsOf(stored.configs);
    this.grow(stored.partitions);
    for (const [partition, offset] of stored.starts) this.noteStart(partition, offset);
  }

  get partitionCount(): number {
    return this.#partitions.length;
  }

  get configs(): TopicConfigs {
    return this.#configs;
  }

  /** Start offsets of the partitions whose log does not begin at 0. */
  get starts(): readonly (readonly [partition: number, offset: number])[] {
    return this.#partitions
      .map(({ startOffset }, partition) => [partition, startOffset] as const)
      .filter(([, offset]) => offset > 0);
  }

  grow(count: number): void {
    while (this.#partitions.length < count)
      this.#partitions.push({ startOffset: 0, log: undefined, opening: undefined });
  }

  configure(configs: TopicConfigs): void {
    this.#configs = configs;
    this.#settings = settingsOf(configs);
  }

  noteStart(partition: number, offset: number): void {
    const state = this.#partitions[partition];
    if (state) state.startOffset = Math.max(state.startOffset, offset);
  }

  /** The log if it is open. */
  openLog(partition: number): PartitionLog | undefined {
    return this.#isGone ? undefined : this.#partitions[partition]?.log;
  }

  /** The log, opened if need be; `undefined` when there is no such partition. */
  async log(partition: number): Promise<PartitionLog | undefined> {
    const state = this.#partitions[partition];
    if (!state || this.#isGone) return undefined;
    if (state.log) return state.log;
    state.opening ??= this.#open(partition, state).finally(() => (state.opening = undefined));
    return state.opening;
  }

  async close(): Promise<void> {
    await this.#forEachLog((log) => log.close());
  }

  async remove(): Promise<void> {
    await this.#forEachLog((log) => log.remove());
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #open(partition: number, state: PartitionState): Promise<PartitionLog | undefined> {
    const log = await PartitionLog.open(
      join(this.#folder, String(partition)),
      state.startOffset,
      () => this.#settings,
      this.#environment,
    );
    state.log = log;
    return log;
  }

  async #forEachLog(act: (log: PartitionLog) => Promise<void>): Promise<void> {
    this.#isGone = true;
    await Promise.all(
      this.#partitions.map(async (state) => {
        const log = state.log ?? (await state.opening?.catch(() => undefined));
        if (log) await act(log);
      }),
    );
  }
}

function settingsOf(configs: TopicConfigs): LogSettings {
  return {
    maxMessageBytes: Number(configValue(configs, 'max.message.bytes')),
    segmentBytes: Number(configValue(configs, 'segment.bytes')),
    requiresKeys: cleanupPolicies(configs).has('compact'),
  };
}
