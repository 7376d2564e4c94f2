import { invalid } from '@flywheel/core';
import { checkAlpha } from '../intervals/proportion.ts';
import type { Interval } from '../intervals/proportion.ts';
import { stateCount, stateNumber, stateObject } from '../summaries/state.ts';

export interface BoundedMeanState {
  readonly alpha: number;
  readonly low: number;
  readonly high: number;
  readonly count: number;
  readonly sum: number;
  readonly squares: number;
  readonly weights: number;
  readonly weighted: number;
  readonly penalty: number;
}

/**
 * Confidence sequence for the mean of bounded values, valid at every sample size and at every look (predictable plug-in
 * empirical Bernstein; Waudby-Smith & Ramdas 2024, theorem 2). It bets on each value with what was known before it, so
 * the order matters and nothing can be merged or taken back; for that use `PairedComparison`.
 */
export class BoundedMeanSequence {
  readonly alpha: number;
  readonly #low: number;
  readonly #high: number;
  #count = 0;
  #sum = 0;
  #squares = 0;
  #weights = 0;
  #weighted = 0;
  #penalty = 0;

  /** Values lie in [low, high]; differences of losses in [0, 1] lie in [-1, 1]. */
  constructor({
    alpha = 0.05,
    low = -1,
    high = 1,
  }: { readonly alpha?: number; readonly low?: number; readonly high?: number } = {}) {
    checkAlpha(alpha);
    if (!(low < high && Number.isFinite(high - low)))
      throw invalid('low', 'must be finite and below high', { low, high });
    this.alpha = alpha;
    this.#low = low;
    this.#high = high;
  }

  static fromJSON(state: unknown): BoundedMeanSequence {
    const fields = stateObject(state, 'sequence');
    const read = (name: string) => stateNumber(fields[name], `sequence.${name}`);
    const sequence = new BoundedMeanSequence({
      alpha: read('alpha'),
      low: read('low'),
      high: read('high'),
    });
    sequence.#count = stateCount(fields['count'], 'sequence.count');
    sequence.#sum = read('sum');
    sequence.#squares = read('squares');
    sequence.#weights = read('weights');
    sequence.#weighted = read('weighted');
    sequence.#penalty = read('penalty');
    return sequence;
  }

  get count(): number {
    return this.#count;
  }

  add(value: number): void {
    if (!(value >= this.#low && value <= this.#high))
      throw invalid('value', 'must lie within the bounds', { value });
    const x = (value - this.#low) / (this.#high - this.#low);
    const t = this.#count + 1;
    const meanBefore = (0.5 + this.#sum) / t;
    const varianceBefore = (0.25 + this.#squares) / t;
    const wanted = (2 * Math.log(2 / this.alpha)) / (varianceBefore * t * Math.log1p(t));
    const weight = Math.min(0.5, Math.sqrt(wanted));
    this.#weights += weight;
    this.#weighted += weight * x;
    this.#penalty += (x - meanBefore) ** 2 * (-Math.log1p(-weight) - weight);
    this.#count = t;
    this.#sum += x;
    this.#squares += (x - (0.5 + this.#sum) / (t + 1)) ** 2;
  }

  /** The whole range before the first value. */
  interval(): Interval {
    if (this.#count === 0) return { low: this.#low, high: this.#high };
    const centre = this.#weighted / this.#weights;
    const reach = (Math.log(2 / this.alpha) + this.#penalty) / this.#weights;
    const scale = this.#high - this.#low;
    return {
      low: Math.max(this.#low, this.#low + scale * (centre - reach)),
      high: Math.min(this.#high, this.#low + scale * (centre + reach)),
    };
  }

  toJSON(): BoundedMeanState {
    return {
      alpha: this.alpha,
      low: this.#low,
      high: this.#high,
      count: this.#count,
      sum: this.#sum,
      squares: this.#squares,
      weights: this.#weights,
      weighted: this.#weighted,
      penalty: this.#penalty,
    };
  }
}
