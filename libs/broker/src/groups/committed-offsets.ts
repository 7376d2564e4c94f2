import { FramedLog } from '../log/framed-log.ts';
import type { FramedLogOptions } from '../log/framed-log.ts';

export type CommittedOffset = {
  readonly offset: number;
  readonly leaderEpoch: number;
  readonly metadata: string | null;
};

export type PartitionOffset = CommittedOffset & {
  readonly topic: string;
  readonly partition: number;
};

type CommitEntry = readonly [
  topic: string,
  partition: number,
  offset: number,
  leaderEpoch: number,
  metadata: string | null,
];
type OffsetsRecord =
  | { readonly kind: 'commit'; readonly group: string; readonly entries: readonly CommitEntry[] }
  | { readonly kind: 'group-deleted'; readonly group: string }
  | { readonly kind: 'topic-deleted'; readonly topic: string };

type Offsets = Map<string, Map<number, CommittedOffset>>;

/** The committed offsets of all groups, durable: a commit is seen by others only once it is on the disk. */
export class CommittedOffsets {
  readonly #byGroup = new Map<string, Offsets>();
  #journal: FramedLog<OffsetsRecord> | undefined;

  static async open(options: FramedLogOptions): Promise<CommittedOffsets> {
    const offsets = new CommittedOffsets();
    offsets.#journal = await FramedLog.open<OffsetsRecord>(
      options,
      (record) => offsets.#apply(record),
      () => offsets.#snapshot(),
    );
    return offsets;
  }

  groups(): readonly string[] {
    return [...this.#byGroup.keys()];
  }

  has(group: string): boolean {
    return this.#byGroup.has(group);
  }

  get(group: string, topic: string, partition: number): CommittedOffset | undefined {
    return this.#byGroup.get(group)?.get(topic)?.get(partition);
  }

  of(group: string): readonly PartitionOffset[] {
    return [...(this.#byGroup.get(group) ?? [])].flatMap(([topic, partitions]) =>
      [...partitions].map(([partition, committed]) => ({ topic, partition, ...committed })),
    );
  }

  async commit(group: string, offsets: readonly PartitionOffset[]): Promise<void> {
    if (offsets.length === 0) return;
    const entries = offsets.map(
      ({ topic, partition, offset, leaderEpoch, metadata }): CommitEntry => [
        topic,
        partition,
        offset,
        leaderEpoch,
        metadata,
      ],
    );
    await this.#write({ kind: 'commit', group, entries });
  }

  async deleteGroup(group: string): Promise<void> {
    await this.#write({ kind: 'group-deleted', group });
  }

  async deleteTopic(topic: string): Promise<void> {
    if ([...this.#byGroup.values()].some((offsets) => offsets.has(topic)))
      await this.#write({ kind: 'topic-deleted', topic });
  }

  async close(): Promise<void> {
    await this.#journal?.close();
  }

  async #write(record: OffsetsRecord): Promise<void> {
    await this.#journal?.append(record);
    this.#apply(record);
  }

  #apply(record: OffsetsRecord): void {
    switch (record.kind) {
      case 'commit': {
        const offsets = getOrAdd(this.#byGroup, record.group, (): Offsets => new Map());
        for (const [topic, partition, offset, leaderEpoch, metadata] of record.entries)
          getOrAdd(offsets, topic, () => new Map<number, CommittedOffset>()).set(partition, {
            offset,
            leaderEpoch,
            metadata,
          });
        return;
      }
      case 'group-deleted':
        this.#byGroup.delete(record.group);
        return;
      case 'topic-deleted':
        for (const [group, offsets] of this.#byGroup) {
          offsets.delete(record.topic);
          if (offsets.size === 0) this.#byGroup.delete(group);
        }
        return;
    }
  }

  *#snapshot(): Iterable<OffsetsRecord> {
    for (const group of this.#byGroup.keys())
      yield {
        kind: 'commit',
        group,
        entries: this.of(group).map(({ topic, partition, offset, leaderEpoch, metadata }) => [
          topic,
          partition,
          offset,
          leaderEpoch,
          metadata,
        ]),
      };
  }
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
