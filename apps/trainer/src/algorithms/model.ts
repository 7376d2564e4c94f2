import type { TreeEnsemble } from './tree-ensemble.ts';

type ModelBase = {
  readonly featureNames: readonly string[];
  /** Per feature, whether any training value was missing. */
  readonly missingInTraining: readonly boolean[];
  readonly trainingRows: number;
};

/** Margin = float32 sum of one leaf per tree, plus base. */
export type GradientBoostingModel = ModelBase & {
  readonly kind: 'gradient-boosting';
  readonly base: number;
  readonly trees: TreeEnsemble;
  /** Whether leaf sums are exact, so that no number of threads can change a score. */
  readonly orderFree: boolean;
};

/** Margin = intercept + sum of (x - mean) * coefficient, where a missing x counts as the mean. */
export type LogisticRegressionModel = ModelBase & {
  readonly kind: 'logistic-regression';
  readonly mean: Float64Array;
  readonly coefficient: Float64Array;
  readonly intercept: number;
};

export type TrainedModel = GradientBoostingModel | LogisticRegressionModel;
export type Algorithm = TrainedModel['kind'];
