import { closeSync, ftruncateSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { newId } from '@flywheel/core';
import { onDisk } from '../reading/on-disk.ts';
import { ObservedSchema } from './observed-schema.ts';

/** Where a record was in the log. */
export type Place = { topic: string; partition: number; offset: bigint; receivedMs: number };

/** Records of one dataset on their way to the lake, as NDJSON in a scratch file: `{"_id":…,"record":{…}}`. */
export type BufferedDataset = {
  readonly dataset: string;
  readonly path: string;
  readonly schema: ObservedSchema;
  records: number;
};

type FileInHand = { file: number; sizeOnDisk: number; pending: string[]; pendingBytes: number };

const WRITE_AT_BYTES = 1 << 18;
/** What stands before the record in its line; an id cannot hold it, for its quotes are escaped. */
export const RECORD_MEMBER = ',"record":';

/** What was read from the log since the last commit. Memory is bounded: lines go to disk in pieces. */
export class LakeBuffer implements Disposable {
  readonly datasets = new Map<string, BufferedDataset & FileInHand>();
  /** By `<topic>/<partition>`: first offset read, and the one behind the last. */
  readonly ranges = new Map<string, { from: bigint; to: bigint }>();
  readonly #folder: string;
  records = 0;
  sizeBytes = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Takes a record, or throws and has not taken it. */
  add(
    dataset: string,
    id: string,
    place: Place,
    text: string,
    record: Readonly<Record<string, unknown>>,
  ): void {
    const buffered = this.datasets.get(dataset) ?? this.#open(dataset);
    if (buffered.pendingBytes >= WRITE_AT_BYTES) this.#write(buffered);
    const line = `{"_id":${JSON.stringify(id)},"_topic":${JSON.stringify(place.topic)},"_partition":${place.partition},"_offset":${place.offset},"_received_ms":${place.receivedMs}${RECORD_MEMBER}${text}}\n`;
    buffered.schema.observe(record);
    buffered.pending.push(line);
    buffered.pendingBytes += line.length;
    buffered.records++;
    this.records++;
    this.sizeBytes += line.length;
  }

  /** Everything of the partition below `to` has been read, whether it gave a record or not. */
  advance(topic: string, partition: number, from: bigint, to: bigint): void {
    const key = `${topic}/${partition}`;
    const range = this.ranges.get(key);
    if (range) range.to = to;
    else this.ranges.set(key, { from, to });
  }

  /** Puts what is pending on disk: the files are whole afterwards. */
  seal(): void {
    for (const buffered of this.datasets.values()) {
      this.#write(buffered);
      closeSync(buffered.file);
    }
  }

  [Symbol.dispose](): void {
    for (const { path } of this.datasets.values()) rmSync(path, { force: true });
  }

  #open(dataset: string) {
    const path = join(this.#folder, `${newId()}.ndjson`);
    const opened = {
      dataset,
      path,
      schema: new ObservedSchema(),
      records: 0,
      file: onDisk(() => openSync(path, 'w')),
      sizeOnDisk: 0,
      pending: [],
      pendingBytes: 0,
    };
    this.datasets.set(dataset, opened);
    return opened;
  }

  #write(buffered: FileInHand): void {
    if (buffered.pending.length === 0) return;
    const bytes = Buffer.from(buffered.pending.join(''));
    try {
      for (let written = 0; written < bytes.length;)
        written += onDisk(() => writeSync(buffered.file, bytes, written));
    } catch (error) {
      ftruncateSync(buffered.file, buffered.sizeOnDisk); // half a line must not stay
      throw error;
    }
    buffered.sizeOnDisk += bytes.length;
    buffered.pending = [];
    buffered.pendingBytes = 0;
  }
}
