import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { batchAt, batchHeaderBytes, isPlausibleSize, sizeAt, soundBatchAt } from './batch.ts';
import type { Batch } from './batch.ts';
import type { Checkpoint } from './checkpoint.ts';
import { OffsetIndex } from './offset-index.ts';
import { ProducerStates } from './producers.ts';

const readBytes = 1024 * 1024;

export type RecoveredSegment = {
  readonly sizeBytes: number;
  readonly nextOffset: number;
  readonly maxTimestamp: number;
  readonly index: OffsetIndex;
  readonly producers: ProducerStates;
  /** Bytes at the end that were not sound and are gone now. */
  readonly cutBytes: number;
};

/**
 * Reads a segment's batches from where `checkpoint` ends, keeps the sound prefix and cuts the rest off the file.
 * Within the first `trustedBytes` (known good in this very process) checksums are not computed again.
 */
export async function recoverSegment(
  path: string,
  options: {
    baseOffset: number;
    checkpoint: Checkpoint | undefined;
    /** As they were at the end of the segment before; the checkpoint's, where it holds, replace them. */
    producers: ProducerStates;
    trustedBytes: number;
    nowMs: number;
  },
): Promise<RecoveredSegment> {
  const file = await open(path, 'r+');
  try {
    const { size } = await file.stat();
    const { checkpoint } = options;
    const from = checkpoint && checkpoint.sizeBytes <= size ? checkpoint : undefined;
    const found: Found = {
      producers: from ? ProducerStates.from(from.producers) : options.producers,
      sizeBytes: from?.sizeBytes ?? 0,
      nextOffset: from?.nextOffset ?? options.baseOffset,
      maxTimestamp: from?.maxTimestamp ?? -1,
      index: new OffsetIndex(from?.entries),
    };
    await scan(file, size, found, options);
    const cutBytes = size - found.sizeBytes;
    if (cutBytes > 0) await file.truncate(found.sizeBytes);
    if (found.sizeBytes > (from?.sizeBytes ?? 0) || cutBytes > 0) await file.datasync();
    return { ...found, cutBytes };
  } finally {
    await file.close();
  }
}

type Found = {
  readonly index: OffsetIndex;
  readonly producers: ProducerStates;
  sizeBytes: number;
  nextOffset: number;
  maxTimestamp: number;
};

async function scan(
  file: FileHandle,
  size: number,
  found: Found,
  { trustedBytes, nowMs }: { trustedBytes: number; nowMs: number },
): Promise<void> {
  let wantedBytes = readBytes;
  while (found.sizeBytes < size) {
    const start = found.sizeBytes;
    const bytes = await readFully(file, start, Math.min(wantedBytes, size - start));
    let at = 0;
    for (;;) {
      const isTrusted = start + at + batchHeaderBytes <= trustedBytes;
      const batch = isTrusted
        ? wholeBatchAt(bytes, at)
        : soundBatchAt(bytes, at, bytes.length, found.nextOffset);
      if (!batch) break;
      accept(found, batch);
      found.producers.remember(batch, batch.baseOffset, nowMs);
      at += batch.sizeBytes;
    }
    if (at > 0) {
      wantedBytes = readBytes;
      continue;
    }
    const hasHeader = bytes.length >= batchHeaderBytes;
    const needed = hasHeader ? sizeAt(bytes, 0) : Infinity;
    const isLonger = isPlausibleSize(needed) && needed > bytes.length && start + needed <= size;
    if (!isLonger) return;
    wantedBytes = needed;
  }
}

function wholeBatchAt(bytes: Buffer, start: number): Batch | undefined {
  if (bytes.length - start < batchHeaderBytes) return undefined;
  const batch = batchAt(bytes, start);
  return start + batch.sizeBytes <= bytes.length ? batch : undefined;
}

function accept(found: Found, batch: Batch): void {
  found.index.note(batch.baseOffset, found.sizeBytes, found.maxTimestamp);
  found.sizeBytes += batch.sizeBytes;
  found.nextOffset = batch.lastOffset + 1;
  found.maxTimestamp = Math.max(found.maxTimestamp, batch.maxTimestamp);
}

async function readFully(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(length);
  let at = 0;
  while (at < length) {
    const { bytesRead } = await file.read(bytes, at, length - at, position + at);
    if (bytesRead === 0) break;
    at += bytesRead;
  }
  return bytes.subarray(0, at);
}
