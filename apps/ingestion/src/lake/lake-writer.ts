import type { Clock, Logger } from '@flywheel/core';
import { topics } from '@flywheel/contracts';
import type { Analytics, ObjectStore } from '@flywheel/storage';
import type { CommitLog, LakeFile, LakeState } from './commit-log.ts';
import { LakeBuffer } from './lake-buffer.ts';
import type { Place } from './lake-buffer.ts';
import { patiently } from './patiently.ts';
import { SeenRecords } from './seen-records.ts';
import { writeParquet } from './write-parquet.ts';

const FLUSH_AT_RECORDS = 500_000;
const FLUSH_AT_BYTES = 64 * 1024 * 1024;

export type LakeRecord = {
  dataset: string;
  id: string;
  place: Place;
  text: string;
  record: Readonly<Record<string, unknown>>;
};

type Parts = {
  commits: CommitLog;
  objects: ObjectStore;
  openAnalytics: () => Promise<Analytics>;
  folder: string;
  clock: Clock;
  log: Logger;
  /** Aborted when the process stops: nothing that is away is waited for then. */
  signal: AbortSignal;
  /** Told after every commit. */
  onCommit: (state: LakeState, added: readonly LakeFile[]) => Promise<void>;
};

/**
 * Takes records from the log into Parquet files. Reading goes on while files are written; commits follow one another.
 * Where to resume after a restart is what the last commit says, not what a consumer group says.
 */
export class LakeWriter {
  readonly #parts: Parts;
  readonly #seen = new SeenRecords();
  #buffer: LakeBuffer;
  /** Buffers that are being written, oldest first. */
  readonly #writing: LakeBuffer[] = [];
  #writes: Promise<void> = Promise.resolve();

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#buffer = new LakeBuffer(parts.folder);
  }

  /** The offset at which reading of a partition resumes. */
  resumeAt(topic: string, partition: number): bigint {
    return this.#parts.commits.state.offsets.get(`${topic}/${partition}`) ?? 0n;
  }

  /** Takes what was read of one partition up to `to`. Waits when too much is waiting to be written. */
  async take(
    topic: string,
    partition: number,
    records: readonly LakeRecord[],
    range: { from: bigint; to: bigint },
  ): Promise<void> {
    const form = { isIndexed: topic === topics.ingestRecords.name };
    for (const { dataset, id, place, text, record } of records) {
      const key = `${dataset}\0${id}`;
      if (this.#seen.has(key, form)) continue;
      this.#buffer.add(dataset, id, place, text, record);
      this.#seen.add(key, form); // what could not be buffered comes again and must not seem a repetition
    }
    this.#buffer.advance(topic, partition, range.from, range.to);
    if (this.#buffer.records >= FLUSH_AT_RECORDS || this.#buffer.sizeBytes >= FLUSH_AT_BYTES) {
      const written = this.flush();
      if (this.#writing.length > 1) await written;
      else written.catch(() => undefined); // the chain below keeps the failure for whoever flushes next
    }
  }

  /** Distinct records of a dataset: in the lake, and on their way to it. */
  records(dataset: string): number {
    let records = 0;
    for (const file of this.#parts.commits.state.files)
      if (file.dataset === dataset) records += file.records;
    for (const buffer of [...this.#writing, this.#buffer])
      records += buffer.datasets.get(dataset)?.records ?? 0;
    return records;
  }

  get hasBuffered(): boolean {
    return this.#buffer.records > 0;
  }

  /** Writes and commits all that has been read so far; resolves when it is in the lake. */
  flush(): Promise<void> {
    const buffer = this.#buffer;
    if (buffer.ranges.size > 0) {
      this.#buffer = new LakeBuffer(this.#parts.folder);
      this.#writing.push(buffer);
      this.#writes = this.#writes.then(() => this.#write(buffer));
    }
    return this.#writes;
  }

  async #write(buffer: LakeBuffer): Promise<void> {
    const { commits, objects, openAnalytics, clock, log, signal, onCommit } = this.#parts;
    using whole = buffer;
    whole.seal();
    const files: LakeFile[] = [];
    if (whole.datasets.size > 0) {
      await using analytics = await openAnalytics();
      for (const buffered of whole.datasets.values())
        files.push(
          await patiently(() => writeParquet({ analytics, objects }, buffered, clock.nowMs()), {
            log,
            signal,
          }),
        );
    }
    const onApplied = () => {
      const at = this.#writing.indexOf(buffer);
      if (at >= 0) this.#writing.splice(at, 1);
    };
    const state = await patiently(() => commits.commit(files, whole.ranges, onApplied), {
      log,
      signal,
    });
    log.debug(
      { sequence: state.sequence, files: files.length, records: whole.records },
      'records are in the lake',
    );
    await patiently(() => onCommit(state, files), { log, signal });
  }
}
