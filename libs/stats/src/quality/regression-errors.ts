import { FixedPointSum } from '../summaries/fixed-point-sum.ts';
import type { FixedPointState } from '../summaries/fixed-point-sum.ts';
import { stateCount, stateObject } from '../summaries/state.ts';
import { normalTailQuantile } from '../special/normal.ts';
import { invalid } from '@flywheel/core';
import { undefinedBecause, valueOf } from './measured.ts';
import type { Estimate, Measured, Undefined } from './measured.ts';

const names = ['error', 'absolute', 'squared', 'fourth', 'actual', 'actualSquared'] as const;
/** Its fourth power is the largest term an exact sum takes. */
const largest = 2 ** 37;
type SumName = (typeof names)[number];

export type RegressionState = { readonly rows: number } & Readonly<
  Record<SumName, FixedPointState>
>;

/** Errors (predicted - actual) of a regression as exact sums: late, corrected and merged in any order. */
export class RegressionErrors {
  #rows = 0;
  readonly #sums: Readonly<Record<SumName, FixedPointSum>> = {
    error: new FixedPointSum(),
    absolute: new FixedPointSum(),
    squared: new FixedPointSum(),
    fourth: new FixedPointSum(),
    actual: new FixedPointSum(),
    actualSquared: new FixedPointSum(),
  };

  static fromJSON(state: unknown): RegressionErrors {
    const fields = stateObject(state, 'errors');
    const errors = new RegressionErrors();
    errors.#rows = stateCount(fields['rows'], 'errors.rows');
    for (const name of names)
      errors.#sums[name].merge(FixedPointSum.fromJSON(fields[name], `errors.${name}`));
    return errors;
  }

  get rows(): number {
    return this.#rows;
  }

  add(predicted: number, actual: number): void {
    this.#apply(predicted, actual, 1);
  }

  /** Takes back exactly what `add(predicted, actual)` added. */
  remove(predicted: number, actual: number): void {
    this.#apply(predicted, actual, -1);
  }

  merge(other: RegressionErrors): this {
    this.#rows += other.#rows;
    for (const name of names) this.#sums[name].merge(other.#sums[name]);
    return this;
  }

  subtract(other: RegressionErrors): this {
    this.#rows -= other.#rows;
    for (const name of names) this.#sums[name].subtract(other.#sums[name]);
    return this;
  }

  clone(): RegressionErrors {
    return new RegressionErrors().merge(this);
  }

  /** Mean of predicted - actual. */
  bias(): Measured {
    return this.#mean('error');
  }

  meanAbsoluteError(): Measured {
    return this.#mean('absolute');
  }

  meanSquaredError(): Measured {
    return this.#mean('squared');
  }

  /** Root mean squared error with its interval by the delta method. */
  rootMeanSquaredError(confidence = 0.95): Estimate | Undefined {
    if (this.#rows === 0) return undefinedBecause('no rows');
    const mean = this.#sums.squared.value / this.#rows;
    const variance = Math.max(0, this.#sums.fourth.value / this.#rows - mean * mean) / this.#rows;
    const value = Math.sqrt(mean);
    const standardError = value === 0 ? 0 : Math.sqrt(variance) / (2 * value);
    const reach = normalTailQuantile((1 - confidence) / 2) * standardError;
    return {
      kind: 'value',
      value,
      standardError,
      low: Math.max(0, value - reach),
      high: value + reach,
    };
  }

  /** Share of the variance explained; undefined when the outcomes have no spread. */
  rSquared(): Measured {
    if (this.#rows === 0) return undefinedBecause('no rows');
    const { actual, actualSquared, squared } = this.#sums;
    const spread = actualSquared.value - actual.value ** 2 / this.#rows;
    return spread > 1e-12 * actualSquared.value
      ? valueOf(1 - squared.value / spread)
      : undefinedBecause('no spread');
  }

  toJSON(): RegressionState {
    const { error, absolute, squared, fourth, actual, actualSquared } = this.#sums;
    return {
      rows: this.#rows,
      error: error.toJSON(),
      absolute: absolute.toJSON(),
      squared: squared.toJSON(),
      fourth: fourth.toJSON(),
      actual: actual.toJSON(),
      actualSquared: actualSquared.toJSON(),
    };
  }

  #mean(name: SumName): Measured {
    return this.#rows > 0
      ? valueOf(this.#sums[name].value / this.#rows)
      : undefinedBecause('no rows');
  }

  #apply(predicted: number, actual: number, sign: 1 | -1): void {
    if (!Number.isFinite(predicted)) throw invalid('predicted', 'must be finite', { predicted });
    if (!Number.isFinite(actual)) throw invalid('actual', 'must be finite', { actual });
    const error = predicted - actual;
    if (Math.max(Math.abs(error), Math.abs(actual)) > largest)
      throw invalid('actual', 'must be at most 2^37 in size, its error too', { predicted, actual });
    const parts: Readonly<Record<SumName, number>> = {
      error,
      absolute: Math.abs(error),
      squared: error ** 2,
      fourth: error ** 4,
      actual,
      actualSquared: actual ** 2,
    };
    this.#rows += sign;
    for (const name of names)
      if (sign > 0) this.#sums[name].add(parts[name]);
      else this.#sums[name].remove(parts[name]);
  }
}
