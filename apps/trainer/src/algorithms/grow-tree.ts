import type { FeatureBins } from './feature-bins.ts';
import {
  GROUP_SIZE,
  subtractSibling,
  totalOf,
  type Histogram,
  type NodeSums,
} from './histogram.ts';
import { findSplit, type Split, type SplitLimits } from './split.ts';
import type { Tree } from './tree-ensemble.ts';
import type { TreeMemory } from './tree-memory.ts';

export type GrowthLimits = SplitLimits & {
  readonly maxLeaves: number;
  /** Splits on the longest path; 0 sets no limit. */
  readonly maxDepth: number;
};

/** Rows of one leaf: `rows[start..end)` of the grower's row order. */
export type LeafRows = { readonly node: number; readonly rows: Uint32Array };

type Leaf = {
  readonly node: number;
  readonly start: number;
  readonly end: number;
  readonly depth: number;
  readonly sums: NodeSums;
  readonly histogram: Histogram | undefined;
  readonly split: Split | undefined;
};

/** Grows trees leaf by leaf: the leaf whose split gains most is split next, equal gains in order of creation. */
export class TreeGrower {
  readonly #memory: TreeMemory;
  readonly #bins: readonly FeatureBins[];
  readonly #limits: GrowthLimits;
  readonly #valueBins: readonly number[];
  #features: readonly number[] = [];
  #groups: readonly number[] = [];

  constructor(memory: TreeMemory, bins: readonly FeatureBins[], limits: GrowthLimits) {
    this.#memory = memory;
    this.#bins = bins;
    this.#limits = limits;
    this.#valueBins = bins.map(({ bounds }) => bounds.length + 1);
  }

  /**
   * One tree from the gradients in memory, for the given rows and features (both ascending). `leafValue` gives a leaf's
   * value from its sums. The rows of each leaf are views that the next call overwrites.
   */
  grow(
    rows: Uint32Array,
    features: readonly number[],
    leafValue: (sums: NodeSums) => number,
  ): { readonly tree: Tree; readonly leaves: readonly LeafRows[] } {
    this.#features = features;
    this.#groups = [...new Set(features.map((feature) => Math.floor(feature / GROUP_SIZE)))];
    this.#memory.rows.set(rows);
    const nodes = new NodeList();
    const leaves = this.#growLeaves(nodes, rows.length);
    for (const leaf of leaves) {
      nodes.setValue(leaf.node, leafValue(leaf.sums));
      if (leaf.histogram) this.#memory.giveBack(leaf.histogram);
    }
    return {
      tree: nodes.toTree(this.#bins),
      leaves: leaves.map(({ node, start, end }) => ({
        node,
        rows: this.#memory.rows.subarray(start, end),
      })),
    };
  }

  #growLeaves(nodes: NodeList, rowCount: number): readonly Leaf[] {
    const leaves = [this.#root(nodes, rowCount)];
    while (leaves.length < this.#limits.maxLeaves) {
      const index = indexOfBest(leaves);
      const leaf = leaves[index];
      if (!leaf?.split) break;
      const isLast = leaves.length + 1 === this.#limits.maxLeaves;
      const [left, right] = this.#divide(nodes, leaf, leaf.split, isLast);
      leaves[index] = left;
      leaves.push(right);
    }
    return leaves;
  }

  #root(nodes: NodeList, rowCount: number): Leaf {
    const histogram = this.#fill(0, rowCount);
    const sums = totalOf(histogram, this.#features[0] as number);
    const node = nodes.add(sums.rows);
    return this.#withSplit({ node, start: 0, end: rowCount, depth: 0, sums, histogram });
  }

  /** Splits a leaf: its rows are parted in place, the smaller child is counted and the other one subtracted. */
  #divide(nodes: NodeList, leaf: Leaf, split: Split, isLast: boolean): readonly [Leaf, Leaf] {
    const middle = this.#memory.partition(leaf.start, leaf.end, split);
    const [leftNode, rightNode] = nodes.split(leaf.node, split);
    const depth = leaf.depth + 1;
    const left = { node: leftNode, start: leaf.start, end: middle, depth, sums: split.left };
    const right = { node: rightNode, start: middle, end: leaf.end, depth, sums: split.right };
    const [small, large] = split.left.rows <= split.right.rows ? [left, right] : [right, left];
    if (isLast || !this.#maySplit(large)) {
      if (leaf.histogram) this.#memory.giveBack(leaf.histogram);
      return [
        { ...left, histogram: undefined, split: undefined },
        { ...right, histogram: undefined, split: undefined },
      ];
    }
    const smallHistogram = this.#fill(small.start, small.end);
    const largeHistogram = leaf.histogram as Histogram;
    subtractSibling(largeHistogram, smallHistogram);
    const smallLeaf = this.#withSplit({ ...small, histogram: smallHistogram });
    const largeLeaf = this.#withSplit({ ...large, histogram: largeHistogram });
    return small === left ? [smallLeaf, largeLeaf] : [largeLeaf, smallLeaf];
  }

  #maySplit(leaf: Pick<Leaf, 'depth' | 'sums'>): boolean {
    const { maxDepth, minRowsPerLeaf } = this.#limits;
    return (maxDepth === 0 || leaf.depth < maxDepth) && leaf.sums.rows >= 2 * minRowsPerLeaf;
  }

  #withSplit(leaf: Omit<Leaf, 'split'>): Leaf {
    const split =
      this.#maySplit(leaf) && leaf.histogram
        ? findSplit(leaf.histogram, this.#features, this.#valueBins, leaf.sums, this.#limits)
        : undefined;
    if (split || !leaf.histogram) return { ...leaf, split };
    this.#memory.giveBack(leaf.histogram);
    return { ...leaf, histogram: undefined, split };
  }

  #fill(start: number, end: number): Histogram {
    const histogram = this.#memory.takeHistogram();
    this.#memory.fill(histogram, this.#groups, start, end);
    return histogram;
  }
}

function indexOfBest(leaves: readonly Leaf[]): number {
  let best = -1;
  let bestGain = 0;
  let bestNode = Infinity;
  leaves.forEach(({ split, node }, index) => {
    if (!split || split.gain < bestGain || (split.gain === bestGain && node > bestNode)) return;
    best = index;
    bestGain = split.gain;
    bestNode = node;
  });
  return best;
}

/** The nodes of a growing tree. */
class NodeList {
  readonly #splits: (Split | undefined)[] = [];
  readonly #left: number[] = [];
  readonly #values: number[] = [];
  readonly #rows: number[] = [];

  add(rows: number): number {
    this.#rows.push(rows);
    this.#left.push(0);
    this.#values.push(0);
    return this.#splits.push(undefined) - 1;
  }

  split(node: number, split: Split): readonly [number, number] {
    const left = this.add(split.left.rows);
    const right = this.add(split.right.rows);
    this.#splits[node] = split;
    this.#left[node] = left;
    return [left, right];
  }

  setValue(node: number, value: number): void {
    this.#values[node] = value;
  }

  toTree(bins: readonly FeatureBins[]): Tree {
    const splits = this.#splits;
    const thresholdOf = (split: Split) => bins[split.feature]?.bounds[split.bin] ?? Infinity;
    return {
      feature: Int32Array.from(splits, (split) => split?.feature ?? -1),
      threshold: Float32Array.from(splits, (split) => (split ? thresholdOf(split) : 0)),
      bin: Uint8Array.from(splits, (split) => split?.bin ?? 0),
      left: Int32Array.from(this.#left),
      right: Int32Array.from(this.#left, (left) => (left === 0 ? 0 : left + 1)),
      missingLeft: Uint8Array.from(splits, (split) => (split?.missingLeft ? 1 : 0)),
      value: Float32Array.from(this.#values),
      rows: Uint32Array.from(this.#rows),
      gain: Float32Array.from(splits, (split) => split?.gain ?? 0),
    };
  }
}
