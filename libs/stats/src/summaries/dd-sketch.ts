import { invalid } from '@flywheel/core';
import { stateArray, stateCount, stateCounts, stateNumber, stateObject } from './state.ts';

export interface DDSketchState {
  readonly relativeAccuracy: number;
  /** [bucket index, count], by index; bucket i holds gamma^(i-1) < x <= gamma^i. */
  readonly positive: readonly (readonly [number, number])[];
  readonly negative: readonly (readonly [number, number])[];
  readonly zero: number;
  readonly nonFinite: number;
}

const smallest = 2.2250738585072014e-308;

/**
 * Quantiles to a relative accuracy (1 % unless told) at every rank, exact to merge and subtract, for any finite values
 * (DDSketch; Masson, Rim & Lee 2019, without collapsing). NaN and infinities are counted apart; |x| below the
 * smallest normal double counts as zero.
 */
export class DDSketch {
  readonly relativeAccuracy: number;
  readonly #gamma: number;
  readonly #logGamma: number;
  readonly #positive = new Map<number, number>();
  readonly #negative = new Map<number, number>();
  #zero = 0;
  #nonFinite = 0;

  constructor({ relativeAccuracy = 0.01 }: { readonly relativeAccuracy?: number } = {}) {
    if (!(relativeAccuracy >= 0.0001 && relativeAccuracy < 1))
      throw invalid('relativeAccuracy', 'must be from 0.0001 to below 1', { relativeAccuracy });
    this.relativeAccuracy = relativeAccuracy;
    this.#gamma = (1 + relativeAccuracy) / (1 - relativeAccuracy);
    this.#logGamma = Math.log(this.#gamma);
  }

  static of(values: Iterable<number>): DDSketch {
    const sketch = new DDSketch();
    for (const value of values) sketch.add(value);
    return sketch;
  }

  static fromJSON(state: unknown): DDSketch {
    const fields = stateObject(state, 'sketch');
    const sketch = new DDSketch({
      relativeAccuracy: stateNumber(fields['relativeAccuracy'], 'sketch.relativeAccuracy'),
    });
    for (const [side, buckets] of [
      ['positive', sketch.#positive],
      ['negative', sketch.#negative],
    ] as const)
      stateArray(fields[side], `sketch.${side}`).forEach((pair, at) => {
        const field = `sketch.${side}[${at}]`;
        const [index, count] = stateCounts(pair, field);
        change(buckets, stateCount(index, `${field}[0]`), stateCount(count, `${field}[1]`));
      });
    sketch.#zero = stateCount(fields['zero'], 'sketch.zero');
    sketch.#nonFinite = stateCount(fields['nonFinite'], 'sketch.nonFinite');
    return sketch;
  }

  /** Finite values counted. */
  get count(): number {
    return total(this.#positive) + total(this.#negative) + this.#zero;
  }

  get nonFinite(): number {
    return this.#nonFinite;
  }

  add(value: number): void {
    this.#count(value, 1);
  }

  /** Takes back what `add(value)` counted. */
  remove(value: number): void {
    this.#count(value, -1);
  }

  merge(other: DDSketch): this {
    return this.#combine(other, 1);
  }

  subtract(other: DDSketch): this {
    return this.#combine(other, -1);
  }

  clone(): DDSketch {
    return new DDSketch({ relativeAccuracy: this.relativeAccuracy }).merge(this);
  }

  /**
   * The value of rank floor(share * (count - 1)), counted from 0 in ascending order, within the relative accuracy;
   * undefined without values.
   */
  quantile(share: number): number | undefined {
    if (!(share >= 0 && share <= 1)) throw invalid('share', 'must be from 0 to 1', { share });
    const count = this.count;
    if (count === 0) return undefined;
    let rank = Math.floor(share * (count - 1));
    for (const [index, inBucket] of sorted(this.#negative).reverse()) {
      if (rank < inBucket) return -this.#middle(index);
      rank -= inBucket;
    }
    if (rank < this.#zero) return 0;
    rank -= this.#zero;
    for (const [index, inBucket] of sorted(this.#positive)) {
      if (rank < inBucket) return this.#middle(index);
      rank -= inBucket;
    }
    return undefined;
  }

  toJSON(): DDSketchState {
    return {
      relativeAccuracy: this.relativeAccuracy,
      positive: sorted(this.#positive),
      negative: sorted(this.#negative),
      zero: this.#zero,
      nonFinite: this.#nonFinite,
    };
  }

  /** The point of a bucket whose relative distance to both ends is equal. */
  #middle(index: number): number {
    return Math.exp(index * this.#logGamma + Math.log(2 / (this.#gamma + 1)));
  }

  #count(value: number, by: 1 | -1): void {
    const size = Math.abs(value);
    if (!Number.isFinite(value)) this.#nonFinite += by;
    else if (size < smallest) this.#zero += by;
    else
      change(
        value > 0 ? this.#positive : this.#negative,
        Math.ceil(Math.log(size) / this.#logGamma),
        by,
      );
  }

  #combine(other: DDSketch, sign: 1 | -1): this {
    if (other.relativeAccuracy !== this.relativeAccuracy)
      throw invalid('relativeAccuracy', 'must be the same in both sketches');
    for (const [index, count] of other.#positive) change(this.#positive, index, sign * count);
    for (const [index, count] of other.#negative) change(this.#negative, index, sign * count);
    this.#zero += sign * other.#zero;
    this.#nonFinite += sign * other.#nonFinite;
    return this;
  }
}

function change(buckets: Map<number, number>, index: number, by: number): void {
  const count = (buckets.get(index) ?? 0) + by;
  if (count === 0) buckets.delete(index);
  else buckets.set(index, count);
}

function total(buckets: ReadonlyMap<number, number>): number {
  let sum = 0;
  for (const count of buckets.values()) sum += count;
  return sum;
}

function sorted(buckets: ReadonlyMap<number, number>): [number, number][] {
  return [...buckets].sort(([left], [right]) => left - right);
}
