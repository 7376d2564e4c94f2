import type { WindowPlan } from './window-plan.ts';
import { ROW_HEAD } from './window-rows.ts';
import type { PackedRows } from './window-rows.ts';

/**
 * The values of a view at `atMs`, in the order of the plan's outputs: of the rows with atMs - window < event <= atMs that
 * were known by atMs, of revisions of one row the newest. A count of nothing is 0; a mean or share of nothing is NaN.
 * Sums are plain doubles: exact for whole numbers, as float32 equal to the offline values for others.
 */
export function aggregateRows(rows: PackedRows, plan: WindowPlan, atMs: number): Float64Array {
  const { windowsMs, columns, shares, longestMs } = plan;
  const windows = windowsMs.length;
  const stride = ROW_HEAD + columns.length;
  const rowCounts = new Float64Array(windows);
  const valueCounts = new Float64Array(windows * columns.length);
  const sums = new Float64Array(windows * columns.length);
  const above = new Float64Array(windows * shares.length);

  let lastId = Number.NaN;
  // Rows lie in the order of their events: from the newest back to the first that no window reaches. A row is added to
  // the shortest window that holds it; longer ones hold it too and take it over below.
  for (let at = rows.length - stride; at >= 0; at -= stride) {
    const ageMs = atMs - (rows[at] as number);
    if (ageMs < 0) continue;
    if (ageMs >= longestMs) break;
    if ((rows[at + 1] as number) > atMs) continue;
    const id = rows[at + 2] as number;
    if (id === lastId) continue; // an older revision lies in front of the newer one
    lastId = id;
    let window = 0;
    while (ageMs >= (windowsMs[window] as number)) window++;
    rowCounts[window] = (rowCounts[window] as number) + 1;
    for (let column = 0; column < columns.length; column++) {
      const value = rows[at + ROW_HEAD + column] as number;
      if (Number.isNaN(value)) continue;
      const cell = column * windows + window;
      valueCounts[cell] = (valueCounts[cell] as number) + 1;
      sums[cell] = (sums[cell] as number) + value;
    }
    for (let share = 0; share < shares.length; share++) {
      const { column, above: bound } = shares[share] as { column: number; above: number };
      if ((rows[at + ROW_HEAD + column] as number) > bound)
        above[share * windows + window] = (above[share * windows + window] as number) + 1;
    }
  }
  for (const cells of [rowCounts, valueCounts, sums, above]) accumulate(cells, windows);

  const values = new Float64Array(plan.outputs.length);
  for (const [index, output] of plan.outputs.entries()) {
    if (output.fn === 'count') values[index] = rowCounts[output.window] as number;
    else {
      const cell = output.column * windows + output.window;
      const total =
        output.fn === 'mean' ? sums[cell] : above[output.share * windows + output.window];
      values[index] = (total as number) / (valueCounts[cell] as number); // 0 / 0 is NaN: no value
    }
  }
  return values;
}

/** Event time of the newest row that was known by `atMs`; undefined where there is none. */
export function newestKnownMs(
  rows: PackedRows,
  plan: WindowPlan,
  atMs: number,
): number | undefined {
  const stride = ROW_HEAD + plan.columns.length;
  for (let at = rows.length - stride; at >= 0; at -= stride)
    if ((rows[at] as number) <= atMs && (rows[at + 1] as number) <= atMs) return rows[at];
  return undefined;
}

/** Within each group of `windows` cells: every longer window takes over what the shorter ones hold. */
function accumulate(cells: Float64Array, windows: number): void {
  for (let start = 0; start < cells.length; start += windows)
    for (let window = 1; window < windows; window++)
      cells[start + window] =
        (cells[start + window] as number) + (cells[start + window - 1] as number);
}
