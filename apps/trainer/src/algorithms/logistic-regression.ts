import { invalid } from '@flywheel/core';
import { refuseUnknownParams, withoutUndefined } from './check-params.ts';
import { log } from './deterministic-math.ts';
import { LogisticObjective } from './logistic-objective.ts';
import { areaUnderCurve, meanLogLoss } from './metrics.ts';
import { minimize } from './minimize.ts';
import type { LogisticRegressionModel } from './model.ts';
import { marginOfModel } from './score-model.ts';
import { standardize, type Standardization } from './standardization.ts';
import type { TrainingHooks, TrainingProgress } from './training-progress.ts';
import {
  checkBothClasses,
  checkSameFeatures,
  checkTable,
  emptyFeatures,
  labelWeights,
  type TrainingTable,
} from './training-table.ts';

export type LogisticParams = {
  /** Inverse strength of the penalty: the objective is c * sum of log-loss + |w|^2 / 2. */
  readonly c: number;
  readonly maxIterations: number;
  /** Largest component of the gradient of the objective divided by c * total weight. */
  readonly tolerance: number;
};

export const logisticDefaults: LogisticParams = Object.freeze({
  c: 1,
  maxIterations: 200,
  tolerance: 1e-8,
});

export type LogisticRequest = {
  readonly table: TrainingTable;
  readonly validation?: TrainingTable | undefined;
  readonly params?: Partial<LogisticParams>;
};

export type LogisticOutcome = {
  readonly model: LogisticRegressionModel;
  readonly history: readonly TrainingProgress[];
  readonly warnings: readonly string[];
  /** c * sum of log-loss + |w|^2 / 2 at the end, w in units of standard deviations. */
  readonly objective: number;
};

/**
 * L2-penalised logistic regression on standardised features, missing values replaced by the mean. Convex, so the
 * optimum is the one every correct solver finds; no randomness is involved.
 */
export function trainLogisticRegression(
  request: LogisticRequest,
  hooks: TrainingHooks = {},
): LogisticOutcome {
  const params = checkLogisticParams(request.params ?? {});
  checkInputs(request);
  const { table, validation } = request;
  const scaling = standardize(table);
  const objective = new LogisticObjective(table, scaling, params.c);
  const history: TrainingProgress[] = [];
  const start = new Float64Array(table.features.length + 1);
  start[0] = baseMargin(table);
  const minimum = minimize((point, gradient) => objective.evaluate(point, gradient), start, {
    ...params,
    onIteration: (iteration, point) => {
      hooks.signal?.throwIfAborted();
      const progress = {
        iteration,
        iterations: params.maxIterations,
        trainLogLoss: objective.logLoss,
        ...(validation && measure(toModel(table, scaling, point), validation)),
      };
      history.push(progress);
      hooks.onProgress?.(progress);
    },
  });
  const model = toModel(table, scaling, minimum.point);
  const warnings = warningsOf(table, scaling, minimum.converged, minimum.iterations);
  return { model, history, warnings, objective: objective.unscaled(minimum.value) };
}

function toModel(
  table: TrainingTable,
  { mean, deviation, hasMissing }: Standardization,
  point: Float64Array,
): LogisticRegressionModel {
  return {
    kind: 'logistic-regression',
    featureNames: table.features.map(({ name }) => name),
    missingInTraining: hasMissing,
    trainingRows: table.rowCount,
    mean,
    coefficient: deviation.map((spread, feature) =>
      spread === 0 ? 0 : (point[feature + 1] as number) / spread,
    ),
    intercept: point[0] as number,
  };
}

function measure(
  model: LogisticRegressionModel,
  table: TrainingTable,
): { readonly validLogLoss: number; readonly validAuc: number } {
  const row = new Float32Array(table.features.length);
  const margins = Float32Array.from({ length: table.rowCount }, (_, index) => {
    table.features.forEach(({ values }, feature) => (row[feature] = values[index] as number));
    return marginOfModel(model, row);
  });
  return {
    validLogLoss: meanLogLoss(table, (index) => margins[index] as number),
    validAuc: areaUnderCurve(table, margins),
  };
}

function baseMargin(table: TrainingTable): number {
  const { positive, total } = labelWeights(table);
  return log(positive / (total - positive));
}

function checkInputs({ table, validation }: LogisticRequest): void {
  checkTable(table);
  checkBothClasses(table);
  if (!validation) return;
  checkTable(validation, 'validation');
  checkSameFeatures(
    validation,
    table.features.map(({ name }) => name),
    'validation',
  );
}

/** Fills in the defaults and refuses unknown names and values out of range, naming the field. */
export function checkLogisticParams(given: Partial<LogisticParams>): LogisticParams {
  refuseUnknownParams(given, Object.keys(logisticDefaults));
  const params = { ...logisticDefaults, ...withoutUndefined(given) };
  if (!(params.c > 0 && Number.isFinite(params.c)))
    throw invalid('params.c', 'must be a number above 0', { value: params.c });
  if (!Number.isInteger(params.maxIterations) || params.maxIterations < 1)
    throw invalid('params.maxIterations', 'must be an integer of at least 1');
  if (!(params.tolerance > 0)) throw invalid('params.tolerance', 'must be a number above 0');
  return params;
}

function warningsOf(
  table: TrainingTable,
  { deviation }: Standardization,
  converged: boolean,
  iterations: number,
): string[] {
  const empty = new Set(emptyFeatures(table));
  const warnings = [...empty].map((name) => `feature ${name} has no value in any row`);
  table.features.forEach(({ name }, feature) => {
    if (deviation[feature] === 0 && !empty.has(name))
      warnings.push(`feature ${name} has the same value in every row`);
  });
  if (!converged) warnings.push(`the optimum was not reached in ${iterations} iterations`);
  return warnings;
}
