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
  const { buffer, byteOffset } = bytes.byteOffset % 8 === 0 ? bytes : new Uint8Array(bytes);
  return new Float64Array(buffer, byteOffset, bytes.byteLength / 8);
}

export function bytesOf(rows: PackedRows): Uint8Array {
  return new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength);
}

/**
 * Merges rows in: a row with a known id replaces the older revision of it, whatever order they come in; rows whose
 * event lies more than `keptMs` behind the newest are let go. A row that is dated after it was known, or after `nowMs`
 * (a plan, a wrong clock), makes no other one older than that.
 */
export function mergeRows(
  stored: PackedRows,
  added: readonly WindowRow[],
  options: { columns: number; keptMs: number; nowMs: number },
): PackedRows {
  const stride = ROW_HEAD + options.columns;
  const latest = new Map<number, WindowRow>();
  for (const row of added)
    if ((latest.get(row.id)?.revision ?? 0) <= row.revision) latest.set(row.id, checked(row));
  const others = withoutReplaced(stored, latest, stride);

  const merged = new Float64Array(others.length + latest.size * stride);
  let from = 0;
  let end = 0;
  for (const row of [...latest.values()].sort(byEvent)) {
    const until = placeOf(row, others, { from, stride });
    merged.set(others.subarray(from, until), end);
    end += until - from;
    merged.set([row.eventMs, row.knownMs, row.id, row.revision, ...row.values], end);
    end += stride;
    from = until;
  }
  merged.set(others.subarray(from), end);

  const oldestMs = Math.min(newestMs(merged, stride), options.nowMs) - options.keptMs;
  let start = 0;
  while (start < merged.length && (merged[start] as number) <= oldestMs) start += stride;
  return merged.subarray(start);
}

function newestMs(rows: PackedRows, stride: number): number {
  let newest = Number.NEGATIVE_INFINITY;
  for (let at = rows.length - stride; at >= 0 && (rows[at] as number) > newest; at -= stride)
    newest = Math.max(newest, Math.min(rows[at] as number, rows[at + 1] as number));
  return newest;
}

function checked(row: WindowRow): WindowRow {
  if (!Number.isFinite(row.eventMs)) throw invalid('eventTime', 'must be an instant');
  if (!Number.isFinite(row.knownMs)) throw invalid('knownAt', 'must be an instant');
  return row;
}

function byEvent(left: WindowRow, right: WindowRow): number {
  return left.eventMs - right.eventMs || left.id - right.id;
}

/** The stored rows that stay; a row of `latest` that is older than what is stored is taken out of it. */
function withoutReplaced(
  stored: PackedRows,
  latest: Map<number, WindowRow>,
  stride: number,
): PackedRows {
  const replaced = new Set<number>();
  for (let at = 0; at < stored.length; at += stride) {
    const row = latest.get(stored[at + 2] as number);
    if (!row) continue;
    if ((stored[at + 3] as number) > row.revision) latest.delete(row.id);
    else replaced.add(at);
  }
  if (replaced.size === 0) return stored;
  return stored.filter((_, index) => !replaced.has(index - (index % stride)));
}

/** Where the first row begins that comes after `row`, from `from` on. */
function placeOf(
  row: WindowRow,
  rows: PackedRows,
  { from, stride }: { from: number; stride: number },
): number {
  let low = from / stride;
  let high = rows.length / stride;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const eventMs = rows[middle * stride] as number;
    const isAfter =
      eventMs > row.eventMs ||
      (eventMs === row.eventMs && (rows[middle * stride + 2] as number) > row.id);
    if (isAfter) high = middle;
    else low = middle + 1;
  }
  return low * stride;
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
