import { AppError } from '@flywheel/core';
import { z } from 'zod';
import type { ObjectStore } from '@flywheel/storage';
import { ingestion } from '@flywheel/contracts';

export const lakeFile = z.object({
  dataset: z.string(),
  /** Key within the service's objects. */
  key: z.string(),
  records: z.number().int(),
  sizeBytes: z.number().int(),
  sha256: z.string(),
  columns: z.array(ingestion.column),
});
export type LakeFile = z.output<typeof lakeFile>;

const commit = z.object({
  sequence: z.number().int(),
  added: z.array(lakeFile),
  /** Next offset to read, by `<topic>/<partition>`: all before it is in the lake. */
  offsets: z.record(z.string(), z.string()),
});

const checkpoint = commit.omit({ added: true }).extend({ files: z.array(lakeFile) });

const CHECKPOINT_EVERY = 100;
const commitKey = (sequence: number) => `lake/_commits/${String(sequence).padStart(20, '0')}.json`;
const checkpointKey = (sequence: number) =>
  `lake/_checkpoints/${String(sequence).padStart(20, '0')}.json`;

/** Everything the lake holds as of one commit. */
export type LakeState = {
  readonly sequence: number;
  readonly files: readonly LakeFile[];
  readonly offsets: ReadonlyMap<string, bigint>;
};

/**
 * The lake's history: numbered objects that are created once and never changed. One commit adds files and moves the
 * offsets they were read from in the same breath, so that a record is in the lake exactly once whatever is killed when.
 */
export class CommitLog {
  readonly #objects: ObjectStore;
  #state: LakeState = { sequence: 0, files: [], offsets: new Map() };

  private constructor(objects: ObjectStore) {
    this.#objects = objects;
  }

  static async open(objects: ObjectStore): Promise<CommitLog> {
    const log = new CommitLog(objects);
    await log.reload();
    return log;
  }

  get state(): LakeState {
    return this.#state;
  }

  /** Reads the newest checkpoint and the commits behind it. */
  async reload(): Promise<void> {
    let newest: string | undefined;
    for await (const { key } of this.#objects.list('lake/_checkpoints/')) newest = key;
    if (newest) {
      const { sequence, files, offsets } = checkpoint.parse(await this.#json(newest));
      this.#state = { sequence, files, offsets: offsetMap(offsets) };
    }
    for (;;) {
      const next = await this.#json(commitKey(this.#state.sequence + 1));
      if (next === undefined) return;
      this.#apply(commit.parse(next));
    }
  }

  /**
   * Adds files read from `from` (inclusive) to `to` (exclusive) of each partition. `conflict` when another writer has
   * moved one of these partitions meanwhile: the files must be thrown away and the partition read again. After any other
   * failure the same may be committed again, and is there once. `onApplied` is called in the same breath in which the
   * state has the files, and perhaps again.
   */
  async commit(
    added: readonly LakeFile[],
    ranges: ReadonlyMap<string, { from: bigint; to: bigint }>,
    onApplied: () => void = () => undefined,
  ): Promise<LakeState> {
    while (!this.#has(added, ranges)) {
      for (const [partition, { from }] of ranges)
        if ((this.#state.offsets.get(partition) ?? 0n) > from)
          throw new AppError('conflict', 'another writer has taken these records into the lake', {
            details: { partition },
          });
      const offsets = new Map(this.#state.offsets);
      for (const [partition, { to }] of ranges) offsets.set(partition, to);
      const next = {
        sequence: this.#state.sequence + 1,
        added: [...added],
        offsets: offsetRecord(offsets),
      };
      try {
        await this.#objects.put(commitKey(next.sequence), Buffer.from(JSON.stringify(next)), {
          ifAbsent: true,
          contentType: 'application/json',
        });
        this.#apply(next);
      } catch (error) {
        if (!(error instanceof AppError && error.code === 'conflict')) throw error;
        await this.reload(); // the number is taken: by somebody else, or by this commit when its answer was lost
      }
    }
    onApplied();
    if (this.#state.sequence % CHECKPOINT_EVERY === 0) await this.#checkpoint();
    return this.#state;
  }

  /** Names of files are never given twice. */
  #has(
    added: readonly LakeFile[],
    ranges: ReadonlyMap<string, { from: bigint; to: bigint }>,
  ): boolean {
    const { files, offsets } = this.#state;
    return (
      added.every(({ key }) => files.some((file) => file.key === key)) &&
      [...ranges].every(([partition, { to }]) => (offsets.get(partition) ?? 0n) >= to)
    );
  }

  #apply(next: z.output<typeof commit>): void {
    this.#state = {
      sequence: next.sequence,
      files: [...this.#state.files, ...next.added],
      offsets: offsetMap(next.offsets),
    };
  }

  async #checkpoint(): Promise<void> {
    const { sequence, files, offsets } = this.#state;
    await this.#objects.put(
      checkpointKey(sequence),
      Buffer.from(JSON.stringify({ sequence, files, offsets: offsetRecord(offsets) })),
      { contentType: 'application/json' },
    );
  }

  async #json(key: string): Promise<unknown> {
    const bytes = await this.#objects.get(key);
    return bytes === undefined ? undefined : (JSON.parse(Buffer.from(bytes).toString()) as unknown);
  }
}

function offsetMap(offsets: Readonly<Record<string, string>>): Map<string, bigint> {
  return new Map(Object.entries(offsets).map(([partition, offset]) => [partition, BigInt(offset)]));
}

function offsetRecord(offsets: ReadonlyMap<string, bigint>): Record<string, string> {
  return Object.fromEntries([...offsets].map(([partition, offset]) => [partition, String(offset)]));
}
