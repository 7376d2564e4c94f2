/** Sums over the rows of a node. */
export type NodeSums = {
  readonly gradient: number;
  readonly hessian: number;
  readonly rows: number;
};

/** Features whose bins share a machine word: one load of 32 bits brings the bins of four. */
export const GROUP_SIZE = 4;
/** Numbers per bin: sum of gradients, sum of hessians, row count. */
export const BIN_STRIDE = 3;
export const FEATURE_STRIDE = 256 * BIN_STRIDE;
export const GROUP_STRIDE = GROUP_SIZE * FEATURE_STRIDE;

/**
 * Sums of gradients, hessians and rows per feature and bin, interleaved in that order. Gradients are multiples of a
 * power of two small enough that every sum is exact (see `gradients.ts`), so the order of the rows, the subtraction
 * of a sibling and any split of the work leave no trace in the bits.
 */
export type Histogram = Float64Array;

/** Where a feature's bins begin in a histogram. */
export function featureOffset(feature: number): number {
  return feature * FEATURE_STRIDE;
}

/** The sums over all rows in a histogram, taken from one of its filled features: exact, so any of them will do. */
export function totalOf(histogram: Histogram, feature: number): NodeSums {
  const start = featureOffset(feature);
  let [gradient, hessian, rows] = [0, 0, 0];
  for (let at = start; at < start + FEATURE_STRIDE; at += BIN_STRIDE) {
    gradient += histogram[at] as number;
    hessian += histogram[at + 1] as number;
    rows += histogram[at + 2] as number;
  }
  return { gradient, hessian, rows };
}

/** Turns a parent's histogram into that of the other child, in place. Exact, as all sums are. */
export function subtractSibling(parent: Histogram, sibling: Histogram): void {
  for (let i = 0; i < parent.length; i++)
    parent[i] = (parent[i] as number) - (sibling[i] as number);
}
