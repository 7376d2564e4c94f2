import { invalid } from '@flywheel/core';
import { refuseUnknownParams, withoutUndefined } from './check-params.ts';

export type BoostingParams = {
  /** Boosting rounds; 0 gives the base rate. */
  readonly trees: number;
  readonly learningRate: number;
  readonly maxLeaves: number;
  /** 0 sets no limit. */
  readonly maxDepth: number;
  readonly minRowsPerLeaf: number;
  readonly minHessianPerLeaf: number;
  readonly l2: number;
  readonly minGain: number;
  readonly maxBins: number;
  /** Share of rows each tree sees, drawn by (seed, tree, row). */
  readonly rowFraction: number;
  /** Share of features each tree sees, at least one. */
  readonly featureFraction: number;
  /** Probability to start from instead of the base rate. */
  readonly startingProbability?: number | undefined;
  /** Needs a validation table; the model keeps the trees up to the best round of the named metric. */
  readonly earlyStopping?: EarlyStoppingParams | undefined;
};

export type EarlyStoppingParams = {
  readonly metric: StoppingMetric;
  readonly patience: number;
};

export type StoppingMetric = 'logLoss' | 'auc';

export const boostingDefaults: BoostingParams = Object.freeze({
  trees: 100,
  learningRate: 0.1,
  maxLeaves: 31,
  maxDepth: 0,
  minRowsPerLeaf: 20,
  minHessianPerLeaf: 1e-3,
  l2: 0,
  minGain: 0,
  maxBins: 255,
  rowFraction: 1,
  featureFraction: 1,
});

const optionalNames = ['startingProbability', 'earlyStopping'];

/** Fills in the defaults and refuses unknown names and values out of range, naming the field. */
export function checkBoostingParams(given: Partial<BoostingParams>): BoostingParams {
  refuseUnknownParams(given, [...Object.keys(boostingDefaults), ...optionalNames]);
  const params = { ...boostingDefaults, ...withoutUndefined(given) };
  checkInteger(params, 'trees', 0, 100_000);
  checkInteger(params, 'maxLeaves', 2, 65_536);
  checkInteger(params, 'maxDepth', 0, 1_000);
  checkInteger(params, 'minRowsPerLeaf', 1, Number.MAX_SAFE_INTEGER);
  checkInteger(params, 'maxBins', 2, 255);
  checkRange(params, 'learningRate', (value) => value > 0 && value <= 10, 'above 0, at most 10');
  checkRange(params, 'minHessianPerLeaf', (value) => value >= 0, 'at least 0');
  checkRange(params, 'l2', (value) => value >= 0, 'at least 0');
  checkRange(params, 'minGain', (value) => value >= 0, 'at least 0');
  checkRange(params, 'rowFraction', isShare, 'above 0, at most 1');
  checkRange(params, 'featureFraction', isShare, 'above 0, at most 1');
  if (params.l2 === 0 && params.minHessianPerLeaf === 0)
    throw invalid('params.minHessianPerLeaf', 'must be above 0 when l2 is 0');
  const { startingProbability } = params;
  if (startingProbability !== undefined && !(startingProbability > 0 && startingProbability < 1))
    throw invalid('params.startingProbability', 'must lie between 0 and 1');
  if (params.earlyStopping) checkEarlyStopping(params.earlyStopping);
  return params;
}

function checkEarlyStopping({ metric, patience }: EarlyStoppingParams): void {
  if (!['logLoss', 'auc'].includes(metric))
    throw invalid('params.earlyStopping.metric', 'must be logLoss or auc', { value: metric });
  if (!Number.isInteger(patience) || patience < 1)
    throw invalid('params.earlyStopping.patience', 'must be an integer of at least 1', {
      value: patience,
    });
}

type NumericParam = {
  [Name in keyof BoostingParams]-?: BoostingParams[Name] extends number ? Name : never;
}[keyof BoostingParams];

function isShare(value: number): boolean {
  return value > 0 && value <= 1;
}

function checkInteger(
  params: BoostingParams,
  name: NumericParam,
  least: number,
  most: number,
): void {
  const value: unknown = params[name];
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most)
    throw invalid(`params.${name}`, `must be an integer from ${least} to ${most}`, { value });
}

function checkRange(
  params: BoostingParams,
  name: NumericParam,
  isRight: (value: number) => boolean,
  rule: string,
): void {
  const value = params[name];
  if (!Number.isFinite(value) || !isRight(value))
    throw invalid(`params.${name}`, `must be a number ${rule}`, { value });
}
