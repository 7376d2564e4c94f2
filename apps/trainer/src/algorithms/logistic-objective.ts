import { exp, log, softplus } from './deterministic-math.ts';
import type { Standardization } from './standardization.ts';
import { labelWeights, type TrainingTable } from './training-table.ts';

/** Factors (1 + e) between 1 and 2 that are multiplied before one logarithm is taken. */
const FACTORS_PER_LOG = 512;

/**
 * C * (weighted sum of log-loss) + |w|^2 / 2 over standardised features, divided by C * total weight so that its size
 * does not depend on the number of rows. The point is [intercept, w1, ..., wF]; the intercept is not penalised.
 */
export class LogisticObjective {
  readonly #table: TrainingTable;
  readonly #scaling: Standardization;
  readonly #c: number;
  readonly #totalWeight: number;
  readonly #margins: Float64Array;
  #logLoss = NaN;

  constructor(table: TrainingTable, scaling: Standardization, c: number) {
    this.#table = table;
    this.#scaling = scaling;
    this.#c = c;
    this.#totalWeight = labelWeights(table).total;
    this.#margins = new Float64Array(table.rowCount);
  }

  /** Weighted mean log-loss at the point evaluated last. */
  get logLoss(): number {
    return this.#logLoss;
  }

  /** The value in the usual scale: C * sum of losses + |w|^2 / 2. */
  unscaled(value: number): number {
    return value * this.#c * this.#totalWeight;
  }

  evaluate(point: Float64Array, gradient: Float64Array): number {
    this.#computeMargins(point);
    this.#logLoss = this.#toResiduals() / this.#totalWeight;
    const penalty = 1 / (this.#c * this.#totalWeight);
    let squares = 0;
    gradient[0] = sumOf(this.#margins) / this.#totalWeight;
    this.#table.features.forEach(({ values }, feature) => {
      const w = point[feature + 1] as number;
      squares += w * w;
      const deviation = this.#scaling.deviation[feature] as number;
      const mean = this.#scaling.mean[feature] as number;
      const slope =
        deviation === 0
          ? 0
          : centredDot(values, mean, this.#margins) / (deviation * this.#totalWeight);
      gradient[feature + 1] = slope + w * penalty;
    });
    return this.#logLoss + (squares * penalty) / 2;
  }

  #computeMargins(point: Float64Array): void {
    this.#margins.fill(point[0] as number);
    this.#table.features.forEach(({ values }, feature) => {
      const deviation = this.#scaling.deviation[feature] as number;
      if (deviation === 0) return;
      const mean = this.#scaling.mean[feature] as number;
      addCentred(this.#margins, values, mean, (point[feature + 1] as number) / deviation);
    });
  }

  /** Replaces margins by weight * (probability - label) and returns the weighted sum of losses. */
  #toResiduals(): number {
    const { label, weight } = this.#table;
    const margins = this.#margins;
    let sum = 0;
    let product = 1;
    for (let row = 0; row < margins.length; row++) {
      const margin = margins[row] as number;
      const isPositive = label[row] === 1;
      const e = exp(-Math.abs(margin));
      const probability = (margin >= 0 ? 1 : e) / (1 + e);
      const residual = isPositive ? probability - 1 : probability;
      if (weight) {
        const rowWeight = weight[row] as number;
        sum += rowWeight * softplus(isPositive ? -margin : margin);
        margins[row] = rowWeight * residual;
        continue;
      }
      sum += Math.max(0, isPositive ? -margin : margin);
      product *= 1 + e;
      if (row % FACTORS_PER_LOG === 0) {
        sum += log(product);
        product = 1;
      }
      margins[row] = residual;
    }
    return sum + log(product);
  }
}

function addCentred(
  margins: Float64Array,
  values: Float32Array,
  mean: number,
  coefficient: number,
): void {
  for (let row = 0; row < values.length; row++) {
    const centred = (values[row] as number) - mean;
    if (!Number.isNaN(centred)) margins[row] = (margins[row] as number) + coefficient * centred;
  }
}

function centredDot(values: Float32Array, mean: number, residuals: Float64Array): number {
  let sum = 0;
  for (let row = 0; row < values.length; row++) {
    const centred = (values[row] as number) - mean;
    if (!Number.isNaN(centred)) sum += centred * (residuals[row] as number);
  }
  return sum;
}

function sumOf(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}
