import { sha256 } from '@flywheel/core';
import { exportModel, type Provenance } from '../onnx/export-model.ts';
import { checkBoostingParams, type BoostingParams } from './boosting-params.ts';
import { trainGradientBoosting } from './gradient-boosting.ts';
import {
  checkLogisticParams,
  trainLogisticRegression,
  type LogisticParams,
} from './logistic-regression.ts';
import type { Algorithm, TrainedModel } from './model.ts';
import { serializeModel } from './serialize-model.ts';
import type { TrainingTable } from './training-table.ts';
import type { TrainingHooks, TrainingProgress } from './training-progress.ts';

type CommonRequest = {
  readonly table: TrainingTable;
  readonly validation?: TrainingTable | undefined;
  readonly seed: number;
  readonly provenance?: Provenance | undefined;
};

export type TrainRequest = CommonRequest &
  (
    | { readonly algorithm: 'gradient-boosting'; readonly params?: Partial<BoostingParams> }
    | { readonly algorithm: 'logistic-regression'; readonly params?: Partial<LogisticParams> }
  );

export type TrainResult = {
  readonly algorithm: Algorithm;
  /** Canonical JSON for `parseModel`. */
  readonly modelJson: string;
  readonly onnx: Uint8Array;
  /** SHA-256 of the ONNX file, hex. */
  readonly digest: string;
  readonly history: readonly TrainingProgress[];
  /** The entry of `history` that the model stands for: the best round when training was stopped early. */
  readonly final?: TrainingProgress;
  readonly warnings: readonly string[];
  /** True when the model gives every row the same answer; the reason is among the warnings. */
  readonly isFlat: boolean;
};

/** Trains a built-in algorithm and exports it. Pure: the same request gives the same bytes on every machine. */
export function train(request: TrainRequest, hooks: TrainingHooks = {}): TrainResult {
  const { model, history, warnings } =
    request.algorithm === 'gradient-boosting'
      ? trainGradientBoosting(request, hooks)
      : trainLogisticRegression(request, hooks);
  const onnx = exportModel(model, request.provenance);
  const final = history[keptIterations(model, history.length) - 1];
  return {
    algorithm: model.kind,
    modelJson: serializeModel(model),
    onnx,
    digest: sha256(onnx),
    history,
    ...(final && { final }),
    warnings,
    isFlat: isFlat(model),
  };
}

/** Parameters as they will be used, defaults filled in; refuses unknown names and values out of range. */
export function completeParams(
  algorithm: Algorithm,
  params: object,
): BoostingParams | LogisticParams {
  return algorithm === 'gradient-boosting'
    ? checkBoostingParams(params)
    : checkLogisticParams(params);
}

function keptIterations(model: TrainedModel, iterations: number): number {
  return model.kind === 'gradient-boosting' ? model.trees.starts.length - 1 : iterations;
}

function isFlat(model: TrainedModel): boolean {
  return model.kind === 'gradient-boosting'
    ? !model.trees.feature.some((feature) => feature >= 0)
    : model.coefficient.every((coefficient) => coefficient === 0);
}
