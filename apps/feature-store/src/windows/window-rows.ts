import { invalid } from '@flywheel/core';

/** One row of an entity: when it happened, when it was known, and the columns of its view (NaN = null). */
export type WindowRow = {
  /** Stands for the record the row came from: the same id again replaces the row. */
  readonly id: number;
  readonly revision: number;
  readonly eventMs: number;
  readonly knownMs: number;
  readonly values: readonly number[];
};

/** Numbers in front of the columns of a packed row: event, known, id, revision. */
export const ROW_HEAD = 4;

/**
 * The rows of one entity, packed: a Float64Array of (4 + columns) numbers a row, ordered by event time, then id. Little
 * to allocate, little to store, quick to scan from the newest row backwards.
 */
export type PackedRows = Float64Array;

export function packedRows(bytes: Uint8Array | undefined, stride: number): PackedRows {
  if (!bytes) return new Float64Array(0);
  if (bytes.byteLength % (8 * stride) !== 0) throw new Error('stored rows do not fit their view');
  return new Float64Array(new Uint8Array(bytes).buffer); // a copy starts at an aligned address
}

export function bytesOf(rows: PackedRows): Uint8Array {
  return new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength);
}

/**
 * Merges rows in: a row with a known id replaces the older revision of it, whatever order they come in; rows whose
 * event lies more than `keptMs` behind the newest are let go.
 */
export function mergeRows(
  stored: PackedRows,
  added: readonly WindowRow[],
  options: { columns: number; keptMs: number },
): PackedRows {
  const stride = ROW_HEAD + options.columns;
  const rows = new Map<number, Float64Array>();
  for (let at = 0; at < stored.length; at += stride)
    rows.set(stored[at + 2] as number, stored.subarray(at, at + stride));
  for (const row of added) {
    const known = rows.get(row.id);
    if (known && (known[3] as number) > row.revision) continue;
    rows.set(row.id, pack(row, stride));
  }
  let newestMs = Number.NEGATIVE_INFINITY;
  for (const row of rows.values()) newestMs = Math.max(newestMs, row[0] as number);
  const kept = [...rows.values()]
    .filter((row) => (row[0] as number) > newestMs - options.keptMs)
    .sort(
      (left, right) =>
        (left[0] as number) - (right[0] as number) || (left[2] as number) - (right[2] as number),
    );
  const packed = new Float64Array(kept.length * stride);
  for (const [index, row] of kept.entries()) packed.set(row, index * stride);
  return packed;
}

function pack(row: WindowRow, stride: number): Float64Array {
  if (!Number.isFinite(row.eventMs)) throw invalid('eventTime', 'must be an instant');
  if (!Number.isFinite(row.knownMs)) throw invalid('knownAt', 'must be an instant');
  const packed = new Float64Array(stride);
  packed.set([row.eventMs, row.knownMs, row.id, row.revision]);
  packed.set(row.values, ROW_HEAD);
  return packed;
}

/** 52 bits of an id's text (FNV-1a, two lanes): enough that rows of one entity never meet. */
export function rowId(text: string): number {
  let low = 0x811c9dc5;
  let high = 0x01000193;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    low = Math.imul(low ^ code, 0x01000193);
    high = Math.imul(high ^ code, 0x85ebca6b) ^ (high >>> 13);
  }
  return (high & 0xfffff) * 2 ** 32 + (low >>> 0);
}
