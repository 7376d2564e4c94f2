import { powerOfTwo } from './deterministic-math.ts';
import { complementOf, probabilityOf } from './logistic-link.ts';
import type { LogisticRegressionModel, TrainedModel } from './model.ts';
import { marginOf } from './tree-ensemble.ts';
import { rowAt, type TrainingTable } from './training-table.ts';

/** The likelier class (0 when both are equal as float32) and the float32 probabilities of class 0 and class 1. */
export type Score = { readonly label: 0 | 1; readonly probabilities: readonly [number, number] };

/** Scores one row of float32 features, in the model's order: the same bits as the exported graph gives. */
export function scoreModel(model: TrainedModel, features: Float32Array): Score {
  const margin = marginOfModel(model, features);
  const probabilities = [
    Math.fround(complementOf(margin)),
    Math.fround(probabilityOf(margin)),
  ] as const;
  return { label: probabilities[1] > probabilities[0] ? 1 : 0, probabilities };
}

/** The log-odds of class 1: float32 for boosted trees, float64 for logistic regression. */
export function marginOfModel(model: TrainedModel, features: Float32Array): number {
  return model.kind === 'gradient-boosting'
    ? marginOf(model.trees, model.base, features)
    : linearMargin(model, features);
}

/** P(class 1) of every row of a table, float32. */
export function scoreTable(model: TrainedModel, table: TrainingTable): Float32Array {
  const scores = new Float32Array(table.rowCount);
  const row = new Float32Array(table.features.length);
  for (let index = 0; index < table.rowCount; index++) {
    table.features.forEach(({ values }, feature) => (row[feature] = values[index] as number));
    scores[index] = probabilityOf(marginOfModel(model, row));
  }
  return scores;
}

/** Features with missing values in this table that had none when the model was trained: a matter for validation. */
export function unexpectedMissing(model: TrainedModel, table: TrainingTable): string[] {
  return table.features
    .filter(
      ({ values }, feature) =>
        model.missingInTraining[feature] === false && values.some((value) => Number.isNaN(value)),
    )
    .map(({ name }) => name);
}

/** Each term of a linear margin is limited to this size, far beyond any useful log-odds. */
export const TERM_LIMIT = 1024;

/**
 * Adding and subtracting this number rounds a term to a multiple of a power of two so small that nothing is lost and
 * so large that the sum of `terms` of them is exact. Hence no order of summation, batch or thread changes the bits.
 */
export function termRounder(terms: number): number {
  return 6755399441055744 * powerOfTwo(32 - Math.clz32(terms) + 10 - 52);
}

function linearMargin(model: LogisticRegressionModel, features: Float32Array): number {
  const { mean, coefficient, intercept } = model;
  const rounder = termRounder(mean.length);
  let sum = 0;
  for (let feature = 0; feature < mean.length; feature++) {
    const term =
      ((features[feature] as number) - (mean[feature] as number)) *
      (coefficient[feature] as number);
    const present = Number.isNaN(term) ? 0 : term;
    const limited = Math.min(Math.max(present, -TERM_LIMIT), TERM_LIMIT);
    sum += limited + rounder - rounder;
  }
  return sum + intercept;
}

/** Scores one row of a table. */
export function scoreRow(model: TrainedModel, table: TrainingTable, row: number): Score {
  return scoreModel(model, rowAt(table, row));
}
