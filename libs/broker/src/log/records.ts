import { gunzipSync } from 'node:zlib';
import { batchHeaderBytes, codecs } from './batch.ts';
import type { Batch } from './batch.ts';

/** One record as far as a broker needs to know it. */
export type RecordSummary = {
  readonly offset: number;
  readonly timestamp: number;
  readonly hasKey: boolean;
};

const largestInflatedBytes = 64 * 1024 * 1024;

/**
 * The plain records section of a batch, or `undefined` when its codec is not one Node can open (snappy, lz4,
 * zstd) — or what it holds is damaged or inflates beyond 64 MiB, told apart by `isBroken`.
 */
export function plainRecords(
  bytes: Buffer,
  batch: Batch,
): { section: Buffer } | { isBroken: boolean } {
  const section = bytes.subarray(batch.start + batchHeaderBytes, batch.start + batch.sizeBytes);
  if (batch.codec === codecs.none) return { section };
  if (batch.codec !== codecs.gzip) return { isBroken: false };
  try {
    return { section: gunzipSync(section, { maxOutputLength: largestInflatedBytes }) };
  } catch {
    return { isBroken: true };
  }
}

/**
 * Calls `visit` for each record until it gives `false`; the result is whether the section is well formed as far
 * as it was read: lengths nest exactly, offset deltas count up from 0.
 */
export function walkRecords(
  section: Buffer,
  batch: Batch,
  visit: (record: RecordSummary) => boolean,
): boolean {
  const cursor = new VarintCursor(section);
  for (let index = 0; index < batch.recordCount; index++) {
    const length = cursor.next();
    const end = cursor.position + length;
    if (!(length >= 7) || end > section.length) return false;
    cursor.position += 1; // attributes
    const timestampDelta = cursor.next();
    if (cursor.next() !== index) return false;
    const keyLength = cursor.next();
    cursor.skip(keyLength);
    cursor.skip(cursor.next());
    let headers = cursor.next();
    if (!(headers >= 0)) return false;
    for (; headers > 0 && cursor.position <= end; headers--) {
      const nameLength = cursor.next();
      if (!(nameLength >= 0)) return false;
      cursor.skip(nameLength);
      cursor.skip(cursor.next());
    }
    if (cursor.position !== end) return false;
    const hasMore = visit({
      offset: batch.baseOffset + index,
      timestamp: batch.baseTimestamp + timestampDelta,
      hasKey: keyLength >= 0,
    });
    if (!hasMore) return true;
  }
  return cursor.position === section.length;
}

/** Zig-zag varints; a damaged or missing one is NaN, which no comparison above lets through. */
class VarintCursor {
  position = 0;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  next(): number {
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 10; count++) {
      const byte = this.#bytes[this.position++];
      if (byte === undefined) return NaN;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      scale *= 128;
    }
    return NaN;
  }

  /** −1 stands for null and occupies nothing; any other negative length is damage. */
  skip(length: number): void {
    if (length === -1) return;
    this.position = length >= 0 ? this.position + length : NaN;
  }
}
