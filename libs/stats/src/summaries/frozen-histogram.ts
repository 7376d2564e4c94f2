import { invalid } from '@flywheel/core';
import { stateCount, stateCounts, stateNumbers, stateObject } from './state.ts';

export interface HistogramState {
  readonly edges: readonly number[];
  readonly counts: readonly number[];
  readonly under: number;
  readonly over: number;
  readonly nulls: number;
  readonly nan: number;
  readonly negativeInfinity: number;
  readonly positiveInfinity: number;
}

const special = ['under', 'over', 'nulls', 'nan', 'negativeInfinity', 'positiveInfinity'] as const;

/**
 * Counts on edges that are frozen when the reference is made: bin i holds edges[i] <= x < edges[i + 1], the last one also
 * its upper edge. Values outside, missing ones and each kind of non-finite are counted apart, never dropped. Merging
 * and subtracting are integer arithmetic: exact, commutative, associative. Without edges every finite value is `over`.
 */
export class FrozenHistogram {
  readonly edges: readonly number[];
  readonly #counts: Float64Array;
  readonly #special = {
    under: 0,
    over: 0,
    nulls: 0,
    nan: 0,
    negativeInfinity: 0,
    positiveInfinity: 0,
  };

  constructor(edges: readonly number[]) {
    edges.forEach((edge, at) => {
      if (!Number.isFinite(edge)) throw invalid(`edges[${at}]`, 'must be finite');
      if (at > 0 && edge <= (edges[at - 1] as number))
        throw invalid(`edges[${at}]`, 'must be above the edge before it');
    });
    if (edges.length === 1) throw invalid('edges', 'must be none or at least two');
    this.edges = Object.freeze([...edges]);
    this.#counts = new Float64Array(Math.max(0, edges.length - 1));
  }

  static of(
    edges: readonly number[],
    values: Iterable<number | null | undefined>,
  ): FrozenHistogram {
    const histogram = new FrozenHistogram(edges);
    for (const value of values) histogram.add(value);
    return histogram;
  }

  static fromJSON(state: unknown): FrozenHistogram {
    const fields = stateObject(state, 'histogram');
    const histogram = new FrozenHistogram(stateNumbers(fields['edges'], 'histogram.edges'));
    const counts = stateCounts(fields['counts'], 'histogram.counts');
    if (counts.length !== histogram.#counts.length)
      throw invalid('histogram.counts', 'must have one entry less than edges');
    histogram.#counts.set(counts);
    for (const name of special)
      histogram.#special[name] = stateCount(fields[name], `histogram.${name}`);
    return histogram;
  }

  /** Counts of the bins between the edges, lowest first. */
  get counts(): Float64Array {
    return this.#counts.slice();
  }

  get under(): number {
    return this.#special.under;
  }

  get over(): number {
    return this.#special.over;
  }

  get nulls(): number {
    return this.#special.nulls;
  }

  /** NaN and both infinities. */
  get nonFinite(): number {
    const { nan, negativeInfinity, positiveInfinity } = this.#special;
    return nan + negativeInfinity + positiveInfinity;
  }

  /** Finite values, inside the edges or not. */
  get finite(): number {
    return this.#counts.reduce((sum, count) => sum + count, this.under + this.over);
  }

  get total(): number {
    return this.finite + this.nonFinite + this.nulls;
  }

  /** Values outside the edges, infinities included. */
  get outOfRange(): number {
    const { under, over, negativeInfinity, positiveInfinity } = this.#special;
    return under + over + negativeInfinity + positiveInfinity;
  }

  /** Finite counts with the two open ends: [under, ...counts, over]. */
  finiteCounts(): number[] {
    return [this.under, ...this.#counts, this.over];
  }

  add(value: number | null | undefined): void {
    this.#count(value, 1);
  }

  /** Takes back what `add(value)` counted. */
  remove(value: number | null | undefined): void {
    this.#count(value, -1);
  }

  merge(other: FrozenHistogram): this {
    return this.#combine(other, 1);
  }

  subtract(other: FrozenHistogram): this {
    return this.#combine(other, -1);
  }

  clone(): FrozenHistogram {
    return new FrozenHistogram(this.edges).merge(this);
  }

  /** Value below which `share` of the finite mass lies, straight between edges; undefined when there is none. */
  quantile(share: number): number | undefined {
    if (!(share >= 0 && share <= 1)) throw invalid('share', 'must be from 0 to 1', { share });
    const total = this.finite;
    if (total === 0 || this.edges.length === 0) return undefined;
    const rank = share * total;
    let below = this.under;
    if (rank <= below && below > 0) return this.edges[0];
    for (let bin = 0; bin < this.#counts.length; bin++) {
      const count = this.#counts[bin] as number;
      const low = this.edges[bin] as number;
      if (count > 0 && rank <= below + count)
        return low + ((rank - below) / count) * ((this.edges[bin + 1] as number) - low);
      below += count;
    }
    return this.edges[this.edges.length - 1];
  }

  toJSON(): HistogramState {
    return { edges: this.edges, counts: [...this.#counts], ...this.#special };
  }

  #count(value: number | null | undefined, by: 1 | -1): void {
    if (value === null || value === undefined) this.#special.nulls += by;
    else if (Number.isNaN(value)) this.#special.nan += by;
    else if (value === Infinity) this.#special.positiveInfinity += by;
    else if (value === -Infinity) this.#special.negativeInfinity += by;
    else this.#place(value, by);
  }

  #place(value: number, by: number): void {
    const last = this.edges.length - 1;
    if (last < 0 || value > (this.edges[last] as number)) this.#special.over += by;
    else if (value < (this.edges[0] as number)) this.#special.under += by;
    else {
      let low = 0;
      let high = last;
      while (high - low > 1) {
        const middle = (low + high) >>> 1;
        if (value < (this.edges[middle] as number)) high = middle;
        else low = middle;
      }
      this.#counts[low] = (this.#counts[low] as number) + by;
    }
  }

  #combine(other: FrozenHistogram, sign: 1 | -1): this {
    requireSameEdges(this, other);
    for (let bin = 0; bin < this.#counts.length; bin++)
      this.#counts[bin] = (this.#counts[bin] as number) + sign * (other.#counts[bin] as number);
    for (const name of special) this.#special[name] += sign * other.#special[name];
    return this;
  }
}

/** Histograms can only be compared or merged on the same edges. */
export function requireSameEdges(left: FrozenHistogram, right: FrozenHistogram): void {
  const same =
    left.edges.length === right.edges.length &&
    left.edges.every((edge, at) => edge === right.edges[at]);
  if (!same) throw invalid('edges', 'must be the same in both histograms');
}
