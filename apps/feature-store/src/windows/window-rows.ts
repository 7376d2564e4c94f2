import { invalid } from '@flywheel/core';

/** One row of an entity: when it happened, when it was known, and the columns of its view (NaN = null). */
export type WindowRow = {
  /** Stands for the record the row came from: the same id and revision again replace the row. */
  readonly id: number;
  readonly revision: number;
  readonly eventMs: number;
  readonly knownMs: number;
  readonly values: readonly number[];
};

/** Numbers in front of the columns of a packed row: event, known, id, revision. */
export const ROW_HEAD = 4;

/**
 * The rows of one entity, packed: a Float64Array of (4 + columns) numbers a row, in order of event, id, revision. Little
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
 * Merges rows in, whatever order they come in: of one id and revision the last counts; revisions of one id stay side by
 * side, for each is true until the next is known, unless a newer one happened at another time, which takes the place of
 * the older. Rows whose event lies more than `keptMs` behind the newest are let go. A row that is dated after it was
 * known, or after `nowMs` (a plan, a wrong clock), makes no other one older than that.
 */
export function mergeRows(
  stored: PackedRows,
  added: readonly WindowRow[],
  options: { columns: number; keptMs: number; nowMs: number },
): PackedRows {
  const stride = ROW_HEAD + options.columns;
  const latest = new Map<number, Map<number, WindowRow>>();
  for (const row of added) {
    const revisions = latest.get(row.id);
    if (revisions) revisions.set(row.revision, checked(row));
    else latest.set(row.id, new Map([[row.revision, checked(row)]]));
  }
  const others = withoutReplaced(stored, latest, stride);
  const rows = [...latest.values()].flatMap(withoutMoved).sort(inOrder);

  const merged = new Float64Array(others.length + rows.length * stride);
  let from = 0;
  let end = 0;
  for (const row of rows) {
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

function inOrder(left: WindowRow, right: WindowRow): number {
  return left.eventMs - right.eventMs || left.id - right.id || left.revision - right.revision;
}

/** The revisions of one id that happened when the newest of them did. */
function withoutMoved(revisions: ReadonlyMap<number, WindowRow>): WindowRow[] {
  const rows = [...revisions.values()];
  if (rows.length < 2) return rows;
  const newest = rows.reduce((left, right) => (right.revision > left.revision ? right : left));
  return rows.filter(({ eventMs }) => eventMs === newest.eventMs);
}

/** The stored rows that are no revisions of added ones; those that are join them, but where they are replaced. */
function withoutReplaced(
  stored: PackedRows,
  latest: ReadonlyMap<number, Map<number, WindowRow>>,
  stride: number,
): PackedRows {
  const moved = new Set<number>();
  for (let at = 0; at < stored.length; at += stride) {
    const revisions = latest.get(stored[at + 2] as number);
    if (!revisions) continue;
    moved.add(at);
    const row = unpacked(stored, at, stride);
    if (!revisions.has(row.revision)) revisions.set(row.revision, row);
  }
  if (moved.size === 0) return stored;
  return stored.filter((_, index) => !moved.has(index - (index % stride)));
}

function unpacked(rows: PackedRows, at: number, stride: number): WindowRow {
  const [eventMs, knownMs, id, revision, ...values] = rows.subarray(at, at + stride);
  return { id, revision, eventMs, knownMs, values } as WindowRow; // as many numbers as a row has
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
