import { invalid } from '@flywheel/core';
import { poissonAt } from '../random/counter-random.ts';
import { hash64 } from '../random/hash64.ts';
import {
  stateArray,
  stateCount,
  stateNumber,
  stateNumbers,
  stateObject,
} from '../summaries/state.ts';
import type { Interval } from './proportion.ts';

export interface BootstrapState {
  readonly sums: number;
  /** One row of sums per replica. */
  readonly replicas: readonly (readonly number[])[];
}

/**
 * Intervals for any metric that is a function of sums (F1, ECE, ratios): every row enters replica r with a Poisson(1)
 * weight that depends only on the row's id and r, so replicas merge, rows can be taken back, and replays agree.
 */
export class PoissonBootstrap {
  readonly sums: number;
  readonly #replicas: readonly Float64Array[];

  /** `sums`: how many numbers each row contributes. */
  constructor({ sums, replicas = 200 }: { readonly sums: number; readonly replicas?: number }) {
    if (!Number.isSafeInteger(sums) || sums < 1)
      throw invalid('sums', 'must be an integer of at least 1', { sums });
    if (!Number.isSafeInteger(replicas) || replicas < 1)
      throw invalid('replicas', 'must be an integer of at least 1', { replicas });
    this.sums = sums;
    this.#replicas = Array.from({ length: replicas }, () => new Float64Array(sums));
  }

  static fromJSON(state: unknown): PoissonBootstrap {
    const fields = stateObject(state, 'bootstrap');
    const rows = stateArray(fields['replicas'], 'bootstrap.replicas');
    const bootstrap = new PoissonBootstrap({
      sums: stateCount(fields['sums'], 'bootstrap.sums'),
      replicas: rows.length,
    });
    rows.forEach((row, replica) => {
      const values = stateNumbers(row, `bootstrap.replicas[${replica}]`);
      if (values.length !== bootstrap.sums)
        throw invalid(`bootstrap.replicas[${replica}]`, 'must have one entry per sum');
      bootstrap.#replicas[replica]?.set(values);
    });
    return bootstrap;
  }

  add(id: string, contributions: readonly number[]): void {
    this.#apply(id, contributions, 1);
  }

  /** Takes back what `add` with the same arguments added. */
  remove(id: string, contributions: readonly number[]): void {
    this.#apply(id, contributions, -1);
  }

  merge(other: PoissonBootstrap): this {
    return this.#combine(other, 1);
  }

  subtract(other: PoissonBootstrap): this {
    return this.#combine(other, -1);
  }

  clone(): PoissonBootstrap {
    return new PoissonBootstrap({ sums: this.sums, replicas: this.#replicas.length }).merge(this);
  }

  /**
   * Percentile interval of a metric of the sums. Replicas where the metric is undefined are left out; undefined when
   * fewer than nine in ten remain.
   */
  interval(
    metric: (sums: readonly number[]) => number | undefined,
    { confidence = 0.95 }: { readonly confidence?: number } = {},
  ): Interval | undefined {
    const values = this.#replicas
      .map((sums) => metric([...sums]))
      .filter((value): value is number => value !== undefined && Number.isFinite(value))
      .sort((left, right) => left - right);
    if (values.length < 0.9 * this.#replicas.length) return undefined;
    const tail = stateNumber((1 - confidence) / 2, 'confidence');
    return { low: quantileOf(values, tail), high: quantileOf(values, 1 - tail) };
  }

  toJSON(): BootstrapState {
    return { sums: this.sums, replicas: this.#replicas.map((row) => [...row]) };
  }

  #apply(id: string, contributions: readonly number[], sign: 1 | -1): void {
    if (contributions.length !== this.sums)
      throw invalid('contributions', 'must have one entry per sum');
    const seed = hash64(id);
    this.#replicas.forEach((row, replica) => {
      const weight = sign * poissonAt(seed, replica);
      if (weight === 0) return;
      for (let at = 0; at < this.sums; at++)
        row[at] = (row[at] as number) + weight * (contributions[at] as number);
    });
  }

  #combine(other: PoissonBootstrap, sign: 1 | -1): this {
    if (other.sums !== this.sums || other.#replicas.length !== this.#replicas.length)
      throw invalid('other', 'must have as many sums and replicas');
    this.#replicas.forEach((row, replica) => {
      const theirs = other.#replicas[replica] as Float64Array;
      for (let at = 0; at < this.sums; at++)
        row[at] = (row[at] as number) + sign * (theirs[at] as number);
    });
    return this;
  }
}

function quantileOf(sorted: readonly number[], share: number): number {
  const position = share * (sorted.length - 1);
  const below = Math.floor(position);
  const low = sorted[below] as number;
  const high = sorted[Math.min(sorted.length - 1, below + 1)] as number;
  return low + (position - below) * (high - low);
}
