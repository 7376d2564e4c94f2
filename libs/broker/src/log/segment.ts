import { join } from 'node:path';
import type { AppendFile } from './append-file.ts';
import type { Batch } from './batch.ts';
import { OffsetIndex } from './offset-index.ts';

/** One file of a partition's log: a run of batches that begins at `baseOffset`. */
export class Segment {
  readonly baseOffset: number;
  readonly path: string;
  readonly checkpointPath: string;
  readonly index: OffsetIndex;
  maxTimestamp: number;
  /** What may be read: ends at a batch, on the disk. */
  durableBytes: number;
  /** Counts what is on its way as well. */
  sizeBytes: number;
  /** Only the newest segment of a log, once something was appended since it was opened. */
  file: AppendFile | undefined;

  constructor(
    folder: string,
    baseOffset: number,
    content: { sizeBytes: number; maxTimestamp: number; index: OffsetIndex } = {
      sizeBytes: 0,
      maxTimestamp: -1,
      index: new OffsetIndex(),
    },
  ) {
    const name = String(baseOffset).padStart(20, '0');
    this.baseOffset = baseOffset;
    this.path = join(folder, `${name}.log`);
    this.checkpointPath = join(folder, `${name}.checkpoint`);
    this.index = content.index;
    this.maxTimestamp = content.maxTimestamp;
    this.sizeBytes = content.sizeBytes;
    this.durableBytes = content.sizeBytes;
  }

  /** Counts a batch in at `baseOffset`; the bytes are appended by the log. */
  note(batch: Batch, baseOffset: number): void {
    this.index.note(baseOffset, this.sizeBytes, this.maxTimestamp);
    this.sizeBytes += batch.sizeBytes;
    this.maxTimestamp = Math.max(this.maxTimestamp, batch.maxTimestamp);
  }
}
