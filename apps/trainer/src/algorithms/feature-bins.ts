import { drawUnit, randomKey, type RandomKey } from './counter-random.ts';

/** Bin number of a missing value; value bins are numbered from 0 and end below it. */
export const MISSING_BIN = 255;

/** Rows that are sorted to place the bins of a large column. */
const SAMPLED_ROWS = 200_000;

/**
 * Upper bounds of a column's value bins, ascending, one fewer than there are bins: a value x falls into the first
 * bin b with x <= bounds[b], or into the last. A bound t between neighbouring values left < right is a float32 with
 * left <= t < right, so that the comparison x <= t parts every float32 the same way here and in the exported model.
 */
export type FeatureBins = { readonly bounds: Float32Array };

/** Places at most `maxBins` bins: one per distinct value if they are few, else of about equal row count. */
export function placeBins(values: Float32Array, maxBins: number, key: RandomKey): FeatureBins {
  const sorted = sampleValues(values, key).sort();
  const runs = distinctRuns(sorted);
  const bounds: number[] = [];
  let remainingRows = sorted.length;
  let remainingBins = maxBins;
  let filled = 0;
  for (let run = 0; run + 1 < runs.length && remainingBins > 1; run++) {
    const current = runs[run] as Run;
    const next = runs[run + 1] as Run;
    filled += current.count;
    const target = remainingRows / remainingBins;
    const isFull = runs.length <= maxBins || filled >= target || next.count >= target;
    if (!isFull) continue;
    bounds.push(boundBetween(current.value, next.value));
    remainingRows -= filled;
    remainingBins--;
    filled = 0;
  }
  return { bounds: Float32Array.from(bounds) };
}

/** A float32 t with left <= t < right, near the middle. */
export function boundBetween(left: number, right: number): number {
  const middle = Math.fround(left + (right - left) / 2);
  return middle >= right || Number.isNaN(middle) ? left : middle;
}

/** The bin of a value. */
export function binOf({ bounds }: FeatureBins, value: number): number {
  if (Number.isNaN(value)) return MISSING_BIN;
  let low = 0;
  let high = bounds.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (value <= (bounds[middle] as number)) high = middle;
    else low = middle + 1;
  }
  return low;
}

type Run = { readonly value: number; readonly count: number };

function sampleValues(values: Float32Array, key: RandomKey): Float32Array {
  if (values.length <= SAMPLED_ROWS) return values.filter((value) => !Number.isNaN(value));
  const sample = new Float32Array(SAMPLED_ROWS);
  let size = 0;
  for (let stratum = 0; stratum < SAMPLED_ROWS; stratum++) {
    const row = Math.floor(((stratum + drawUnit(key, stratum)) / SAMPLED_ROWS) * values.length);
    const value = values[row] as number;
    if (!Number.isNaN(value)) sample[size++] = value;
  }
  return sample.slice(0, size);
}

/** Equal values as runs; 0 and -0 are equal. */
function distinctRuns(sorted: Float32Array): Run[] {
  const runs: Run[] = [];
  for (let start = 0; start < sorted.length;) {
    const value = sorted[start] as number;
    let end = start + 1;
    while (end < sorted.length && sorted[end] === value) end++;
    runs.push({ value: value === 0 ? 0 : value, count: end - start });
    start = end;
  }
  return runs;
}

/** The key of a column's sample. */
export function binningKey(seed: number, feature: number): RandomKey {
  return randomKey(seed, 1, feature);
}
