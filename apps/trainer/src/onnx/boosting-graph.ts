import type { GradientBoostingModel } from '../algorithms/model.ts';
import type { TreeEnsemble } from '../algorithms/tree-ensemble.ts';
import type { GraphBuilder } from './graph-builder.ts';
import type { Attribute } from './onnx-model.ts';

/**
 * Adds the trees as one TreeEnsembleRegressor: a float32 margin [N, 1], leaf values summed in tree order and the base
 * added last. Returns the margin as float64.
 */
export function addBoostedTrees(
  graph: GraphBuilder,
  model: GradientBoostingModel,
  features: string,
): string {
  const attributes = treeAttributes(model.trees, model.base);
  const margin = graph.node(
    'margin_float',
    'TreeEnsembleRegressor',
    [features],
    attributes,
    'ai.onnx.ml',
  );
  return graph.node('margin', 'Cast', [margin], { to: { int: 11 } });
}

function treeAttributes(trees: TreeEnsemble, base: number): Record<string, Attribute> {
  const { starts, feature } = trees.starts.length > 1 ? trees : emptyTree;
  const source = trees.starts.length > 1 ? trees : emptyTree;
  const size = feature.length;
  const treeOf = new Int32Array(size);
  for (let tree = 0; tree + 1 < starts.length; tree++)
    treeOf.fill(tree, starts[tree], starts[tree + 1]);
  const local = (nodes: Int32Array) =>
    nodes.map((node, index) =>
      (feature[index] as number) < 0 ? 0 : node - (starts[treeOf[index] as number] as number),
    );
  const own = treeOf.map((tree, index) => index - (starts[tree] as number));
  const leaves = [...feature.keys()].filter((node) => (feature[node] as number) < 0);
  const ofLeaves = (values: ArrayLike<number>) => leaves.map((node) => values[node] as number);
  return {
    n_targets: { int: 1 },
    aggregate_function: { string: 'SUM' },
    post_transform: { string: 'NONE' },
    base_values: { floats: [base] },
    nodes_treeids: { ints: treeOf },
    nodes_nodeids: { ints: own },
    nodes_featureids: { ints: feature.map((index) => Math.max(index, 0)) },
    nodes_modes: {
      strings: Array.from(feature, (index) => (index < 0 ? 'LEAF' : 'BRANCH_LEQ')),
    },
    nodes_values: { floats: source.threshold },
    nodes_truenodeids: { ints: local(source.left) },
    nodes_falsenodeids: { ints: local(source.right) },
    nodes_missing_value_tracks_true: { ints: source.missingLeft },
    target_treeids: { ints: ofLeaves(treeOf) },
    target_nodeids: { ints: ofLeaves(own) },
    target_ids: { ints: leaves.map(() => 0) },
    target_weights: { floats: ofLeaves(source.value) },
  };
}

/** One leaf of value 0: the operator needs a tree, also when the model has none. */
const emptyTree: TreeEnsemble = {
  starts: Int32Array.of(0, 1),
  feature: Int32Array.of(-1),
  threshold: Float32Array.of(0),
  left: Int32Array.of(0),
  right: Int32Array.of(0),
  missingLeft: Uint8Array.of(0),
  value: Float32Array.of(0),
  rows: Uint32Array.of(0),
  gain: Float32Array.of(0),
};
