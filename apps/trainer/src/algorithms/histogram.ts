import { GROUP_SIZE } from './binned-table.ts';

/** Numbers per bin: sum of gradients, sum of hessians, row count. */
export const BIN_STRIDE = 3;
const FEATURE_STRIDE = 256 * BIN_STRIDE;
const GROUP_STRIDE = GROUP_SIZE * FEATURE_STRIDE;

/**
 * Sums of gradients, hessians and rows per feature and bin, interleaved in that order. Gradients are multiples of a
 * power of two small enough that every sum is exact (see `gradients.ts`), so the order of the rows, the subtraction
 * of a sibling and any split of the work leave no trace in the bits.
 */
export type Histogram = Float64Array;

export function newHistogram(groupCount: number): Histogram {
  return new Float64Array(groupCount * GROUP_STRIDE);
}

/** Where a feature's bins begin in a histogram. */
export function featureOffset(feature: number): number {
  return feature * FEATURE_STRIDE;
}

/**
 * Fills the part of one group of four features from the rows `rows[0..count)`; `pairs` holds gradient and hessian of
 * these rows, in their order. Groups are independent of one another and may be filled by different workers.
 */
export function fillGroup(
  histogram: Histogram,
  group: number,
  words: Uint32Array,
  rows: Uint32Array,
  pairs: Float32Array,
  count: number,
): void {
  const sums = histogram.subarray(group * GROUP_STRIDE, (group + 1) * GROUP_STRIDE);
  sums.fill(0);
  for (let i = 0; i < count; i++) {
    const word = words[rows[i] as number] as number;
    const gradient = pairs[i << 1] as number;
    const hessian = pairs[(i << 1) + 1] as number;
    const a = (word & 255) * 3;
    const b = ((word >>> 8) & 255) * 3 + 768;
    const c = ((word >>> 16) & 255) * 3 + 1536;
    const d = (word >>> 24) * 3 + 2304;
    sums[a] = (sums[a] as number) + gradient;
    sums[a + 1] = (sums[a + 1] as number) + hessian;
    sums[a + 2] = (sums[a + 2] as number) + 1;
    sums[b] = (sums[b] as number) + gradient;
    sums[b + 1] = (sums[b + 1] as number) + hessian;
    sums[b + 2] = (sums[b + 2] as number) + 1;
    sums[c] = (sums[c] as number) + gradient;
    sums[c + 1] = (sums[c + 1] as number) + hessian;
    sums[c + 2] = (sums[c + 2] as number) + 1;
    sums[d] = (sums[d] as number) + gradient;
    sums[d + 1] = (sums[d + 1] as number) + hessian;
    sums[d + 2] = (sums[d + 2] as number) + 1;
  }
}

/** Turns a parent's histogram into that of the other child, in place. Exact, as all sums are. */
export function subtractSibling(parent: Histogram, sibling: Histogram): void {
  for (let i = 0; i < parent.length; i++)
    parent[i] = (parent[i] as number) - (sibling[i] as number);
}
