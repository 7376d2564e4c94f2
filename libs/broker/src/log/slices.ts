import { batchHeaderBytes, lastOffsetAt, sizeAt } from './batch.ts';
import { indexIntervalBytes } from './offset-index.ts';
import type { ReadFiles } from './read-files.ts';
import type { Segment } from './segment.ts';
import type { LogTail } from './tail-cache.ts';

/** Whole batches of a log, one behind the other. */
export type Slice = { readonly chunks: readonly Buffer[]; readonly sizeBytes: number };

export type SliceRequest = {
  /** The first batch is the one that holds this offset. */
  readonly offset: number;
  readonly maxBytes: number;
  /** The first batch is given even if it is larger than `maxBytes`. */
  readonly mustGiveOne: boolean;
};

export const emptySlice: Slice = { chunks: [], sizeBytes: 0 };

const manyChunks = 16;
const coalesceBelowBytes = 4096;

/** From memory; `undefined` when the offset is not there. Nothing at or beyond `endOffset` is given. */
export function tailSlice(
  tail: LogTail,
  { offset, maxBytes, mustGiveOne }: SliceRequest,
  endOffset: number,
): Slice | undefined {
  const place = tail.from(offset);
  if (!place) return undefined;
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for (let index = place.first; index < place.chunks.length; index++) {
    const chunk = place.chunks[index];
    if (!chunk || chunk.endOffset > endOffset) break;
    const isFirst = chunks.length === 0 && mustGiveOne;
    if (sizeBytes + chunk.bytes.length > maxBytes && !isFirst) break;
    chunks.push(chunk.bytes);
    sizeBytes += chunk.bytes.length;
  }
  const isScattered = chunks.length > manyChunks && sizeBytes / chunks.length < coalesceBelowBytes;
  return { chunks: isScattered ? [Buffer.concat(chunks, sizeBytes)] : chunks, sizeBytes };
}

/** From one segment's file, up to what of it is durable; usually one read. */
export async function segmentSlice(
  segment: Segment,
  readFiles: ReadFiles,
  { offset, maxBytes, mustGiveOne }: SliceRequest,
): Promise<Slice> {
  const [, position] = segment.index.floor(offset);
  const limit = segment.durableBytes - position;
  const wanted = Math.min(limit, maxBytes + indexIntervalBytes + batchHeaderBytes);
  const bytes = await readFiles.read(segment.path, position, wanted);
  const start = startOf(bytes, offset);
  if (start === undefined) return emptySlice;
  const end = endOfWhole(bytes, start, maxBytes);
  if (end > start) return { chunks: [bytes.subarray(start, end)], sizeBytes: end - start };
  if (!mustGiveOne) return emptySlice;
  const sizeBytes = sizeAt(bytes, start);
  if (start + sizeBytes <= bytes.length)
    return { chunks: [bytes.subarray(start, start + sizeBytes)], sizeBytes };
  return { chunks: [await readFiles.read(segment.path, position + start, sizeBytes)], sizeBytes };
}

/** The offset of the last record of a slice's chunk. */
export function lastOffsetOf(bytes: Buffer): number {
  let last = -1;
  for (let start = 0; start + batchHeaderBytes <= bytes.length; start += sizeAt(bytes, start))
    last = lastOffsetAt(bytes, start);
  return last;
}

/** Where the batch that holds `offset` begins, if its header was read. */
function startOf(bytes: Buffer, offset: number): number | undefined {
  let start = 0;
  while (start + batchHeaderBytes <= bytes.length && lastOffsetAt(bytes, start) < offset)
    start += sizeAt(bytes, start);
  return start + batchHeaderBytes <= bytes.length ? start : undefined;
}

/** Where the last batch ends that was read whole and lies within `maxBytes` of `start`. */
function endOfWhole(bytes: Buffer, start: number, maxBytes: number): number {
  let end = start;
  while (end + batchHeaderBytes <= bytes.length) {
    const next = end + sizeAt(bytes, end);
    if (next > bytes.length || next - start > maxBytes) break;
    end = next;
  }
  return end;
}
