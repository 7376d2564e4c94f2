import { assertNever } from '@flywheel/core';
import type { TrainedModel } from '../algorithms/model.ts';
import { addBoostedTrees } from './boosting-graph.ts';
import { GraphBuilder } from './graph-builder.ts';
import { addLinearMargin } from './linear-graph.ts';
import { addLogisticLink } from './logistic-link-graph.ts';
import { encodeOnnxModel } from './onnx-model.ts';

/** Where a model comes from; goes into the file's metadata. */
export type Provenance = {
  readonly runKey?: string | undefined;
  readonly snapshot?: string | undefined;
};

/** Version of the exporter: a change of graph or encoding changes it. */
export const PRODUCER_VERSION = '1';

/**
 * An ONNX file (IR 8, ai.onnx 17, ai.onnx.ml 3). Input `features`: float32 [N, F], NaN = missing. Outputs: `label`
 * int64 [N], the likelier class, and `probabilities` float32 [N, 2]. Every operation is exactly rounded, so that
 * `scoreModel` gives the same bits; equal models and provenance give equal bytes.
 */
export function exportModel(model: TrainedModel, provenance: Provenance = {}): Uint8Array {
  const builder = new GraphBuilder();
  addLogisticLink(builder, addMargin(builder, model));
  return encodeOnnxModel({
    producerVersion: PRODUCER_VERSION,
    metadata: metadataOf(model, provenance),
    graph: {
      name: model.kind,
      nodes: builder.nodes,
      initializers: builder.initializers,
      inputs: [{ name: 'features', type: 'float', shape: ['rows', model.featureNames.length] }],
      outputs: [
        { name: 'label', type: 'int64', shape: ['rows'] },
        { name: 'probabilities', type: 'float', shape: ['rows', 2] },
      ],
    },
  });
}

function addMargin(builder: GraphBuilder, model: TrainedModel): string {
  switch (model.kind) {
    case 'gradient-boosting':
      return addBoostedTrees(builder, model, 'features');
    case 'logistic-regression':
      return addLinearMargin(builder, model, 'features');
    default:
      return assertNever(model);
  }
}

function metadataOf(model: TrainedModel, { runKey, snapshot }: Provenance): Record<string, string> {
  return {
    algorithm: model.kind,
    classLabels: JSON.stringify([0, 1]),
    featureNames: JSON.stringify(model.featureNames),
    missingInTraining: JSON.stringify(model.missingInTraining),
    ...(runKey !== undefined && { runKey }),
    ...(snapshot !== undefined && { snapshot }),
  };
}
