/**
 * Trees laid end to end in flat arrays. Tree t owns nodes starts[t] to starts[t + 1] - 1, its root first; children are
 * indexes into the same arrays. A leaf has feature -1 and its value; at an inner node x <= threshold goes left, a
 * missing x goes left if missingLeft is 1. `rows` counts the training rows of a node, `gain` is the split's.
 */
export type TreeEnsemble = {
  readonly starts: Int32Array;
  readonly feature: Int32Array;
  readonly threshold: Float32Array;
  readonly left: Int32Array;
  readonly right: Int32Array;
  readonly missingLeft: Uint8Array;
  readonly value: Float32Array;
  readonly rows: Uint32Array;
  readonly gain: Float32Array;
};

/** One tree; node 0 is the root and children follow their parent in pairs. `bin` is the threshold as a bin number. */
export type Tree = Omit<TreeEnsemble, 'starts'> & { readonly bin: Uint8Array };

/** The leaf a row falls into. */
export function leafOf(trees: TreeEnsemble, root: number, features: Float32Array): number {
  let node = root;
  for (let feature = trees.feature[node] as number; feature >= 0;) {
    const value = features[feature] as number;
    const goesLeft = Number.isNaN(value)
      ? trees.missingLeft[node] === 1
      : value <= (trees.threshold[node] as number);
    node = (goesLeft ? trees.left[node] : trees.right[node]) as number;
    feature = trees.feature[node] as number;
  }
  return node;
}

/**
 * The float32 margin of a row: leaf values added in tree order in float32, the base last, as ONNX Runtime does.
 */
export function marginOf(trees: TreeEnsemble, base: number, features: Float32Array): number {
  let sum = 0;
  for (let tree = 0; tree + 1 < trees.starts.length; tree++) {
    const leaf = leafOf(trees, trees.starts[tree] as number, features);
    sum = Math.fround(sum + (trees.value[leaf] as number));
  }
  return Math.fround(sum + base);
}

export function joinTrees(trees: readonly Tree[]): TreeEnsemble {
  const starts = new Int32Array(trees.length + 1);
  trees.forEach(
    (tree, index) => (starts[index + 1] = (starts[index] as number) + tree.feature.length),
  );
  const size = starts[trees.length] as number;
  const joined = {
    starts,
    feature: new Int32Array(size),
    threshold: new Float32Array(size),
    left: new Int32Array(size),
    right: new Int32Array(size),
    missingLeft: new Uint8Array(size),
    value: new Float32Array(size),
    rows: new Uint32Array(size),
    gain: new Float32Array(size),
  };
  trees.forEach((tree, index) => {
    const start = starts[index] as number;
    joined.feature.set(tree.feature, start);
    joined.threshold.set(tree.threshold, start);
    joined.left.set(
      tree.left.map((child) => child + start),
      start,
    );
    joined.right.set(
      tree.right.map((child) => child + start),
      start,
    );
    joined.missingLeft.set(tree.missingLeft, start);
    joined.value.set(tree.value, start);
    joined.rows.set(tree.rows, start);
    joined.gain.set(tree.gain, start);
  });
  return joined;
}

/**
 * Whether float32 sums of one leaf per tree are exact in any order: all leaf values are multiples of `step`, and the
 * largest ones together stay below 2^24 steps. Then threads and batches cannot change a score.
 */
export function isOrderFree(trees: TreeEnsemble, step: number): boolean {
  let bound = 0;
  for (let tree = 0; tree + 1 < trees.starts.length; tree++) {
    let largest = 0;
    for (let node = trees.starts[tree] as number; node < (trees.starts[tree + 1] as number); node++)
      largest = Math.max(largest, Math.abs(trees.value[node] as number));
    bound += largest;
  }
  return bound <= step * 16777216;
}
