import { invalid } from '@flywheel/core';
import { stateCount, stateNumber, stateObject } from './state.ts';

export interface MomentsState {
  readonly count: number;
  readonly mean: number;
  /** Sum of squared deviations from the mean. */
  readonly squares: number;
}

/**
 * Count, mean and variance in one pass (Welford 1962), mergeable and subtractable (Chan, Golub & LeVeque 1983).
 * Exact up to rounding; what must be exact to the bit uses FixedPointSum.
 */
export class Moments {
  #count = 0;
  #mean = 0;
  #squares = 0;

  static of(values: Iterable<number>): Moments {
    const moments = new Moments();
    for (const value of values) moments.add(value);
    return moments;
  }

  static fromJSON(state: unknown): Moments {
    const { count, mean, squares } = stateObject(state, 'moments');
    const moments = new Moments();
    moments.#count = stateCount(count, 'moments.count');
    moments.#mean = stateNumber(mean, 'moments.mean');
    moments.#squares = stateNumber(squares, 'moments.squares');
    return moments;
  }

  get count(): number {
    return this.#count;
  }

  /** undefined without values. */
  get mean(): number | undefined {
    return this.#count === 0 ? undefined : this.#mean;
  }

  /** Sample variance (divisor n - 1); undefined below two values. */
  get variance(): number | undefined {
    return this.#count < 2 ? undefined : this.#squares / (this.#count - 1);
  }

  /** Variance with divisor n; undefined without values. */
  get populationVariance(): number | undefined {
    return this.#count === 0 ? undefined : this.#squares / this.#count;
  }

  /** Adds a finite value. */
  add(value: number): void {
    if (!Number.isFinite(value)) throw invalid('value', 'must be finite', { value });
    this.#count += 1;
    const delta = value - this.#mean;
    this.#mean += delta / this.#count;
    this.#squares += delta * (value - this.#mean);
  }

  remove(value: number): void {
    this.subtract(Moments.of([value]));
  }

  merge(other: Moments): this {
    const count = this.#count + other.#count;
    if (count === 0) return this;
    const delta = other.#mean - this.#mean;
    this.#squares += other.#squares + (delta * delta * this.#count * other.#count) / count;
    this.#mean += (delta * other.#count) / count;
    this.#count = count;
    return this;
  }

  /** Takes out a part that was merged in. */
  subtract(other: Moments): this {
    const count = this.#count - other.#count;
    if (count < 0) throw invalid('other', 'must be a part of the whole');
    if (count === 0) {
      this.#count = 0;
      this.#mean = 0;
      this.#squares = 0;
      return this;
    }
    const mean = (this.#mean * this.#count - other.#mean * other.#count) / count;
    const delta = other.#mean - mean;
    const squares =
      this.#squares - other.#squares - (delta * delta * count * other.#count) / this.#count;
    this.#squares = Math.max(0, squares);
    this.#mean = mean;
    this.#count = count;
    return this;
  }

  clone(): Moments {
    return new Moments().merge(this);
  }

  toJSON(): MomentsState {
    return { count: this.#count, mean: this.#mean, squares: this.#squares };
  }
}

/**
 * Moments of per-unit totals: rows of one unit (user, session) are dependent, so they are summed before any variance
 * is taken. `units` lists units that may have no rows and then count with 0.
 */
export function momentsByUnit(
  rows: Iterable<{ readonly unit: string; readonly value: number }>,
  units: Iterable<string> = [],
): Moments {
  const totals = new Map<string, number>();
  for (const unit of units) totals.set(unit, 0);
  for (const { unit, value } of rows) totals.set(unit, (totals.get(unit) ?? 0) + value);
  return Moments.of(totals.values());
}
