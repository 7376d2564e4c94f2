import { invalid } from '@flywheel/core';
import { stateCounts } from './state.ts';

/** Limbs, least significant first: units of 2^-52, 1, 2^52 and 2^104; all but the last are from 0 to below 2^52. */
export type FixedPointState = readonly [number, number, number, number];

const unit = 2 ** 52;
const largest = 2 ** 150;

/**
 * A running sum in which every value counts as a multiple of 2^-52: adding, removing and merging are then integer
 * arithmetic, exact and independent of order, so that replays give the same bytes. Values up to 2^150.
 */
export class FixedPointSum {
  readonly #limbs = new Float64Array(4);

  static fromJSON(state: unknown, field = 'sum'): FixedPointSum {
    const limbs = stateCounts(state, field);
    if (limbs.length !== 4) throw invalid(field, 'must have four limbs');
    const sum = new FixedPointSum();
    sum.#addLimbs(limbs, 1);
    return sum;
  }

  get value(): number {
    const [fraction, ones, middle, top] = this.toJSON();
    // From the top down a small negative sum, which borrows from every limb, cancels without rounding.
    return (top * unit + middle) * unit + ones + fraction / unit;
  }

  /** Adds a finite value. */
  add(value: number): void {
    this.#addLimbs(limbsOf(value), 1);
  }

  /** Takes back exactly what `add(value)` added. */
  remove(value: number): void {
    this.#addLimbs(limbsOf(value), -1);
  }

  merge(other: FixedPointSum): this {
    this.#addLimbs(other.#limbs, 1);
    return this;
  }

  subtract(other: FixedPointSum): this {
    this.#addLimbs(other.#limbs, -1);
    return this;
  }

  clone(): FixedPointSum {
    return new FixedPointSum().merge(this);
  }

  toJSON(): FixedPointState {
    const [fraction = 0, ones = 0, middle = 0, top = 0] = this.#limbs;
    return [fraction, ones, middle, top];
  }

  #addLimbs(limbs: ArrayLike<number>, sign: 1 | -1): void {
    let carried = 0;
    for (let at = 0; at < 3; at++) {
      const sum = (this.#limbs[at] as number) + sign * (limbs[at] as number) + carried;
      carried = Math.floor(sum / unit);
      this.#limbs[at] = sum - carried * unit;
    }
    // + 0 turns a negative zero, which JSON would not bring back, into zero.
    this.#limbs[3] = (this.#limbs[3] as number) + sign * (limbs[3] as number) + carried + 0;
  }
}

function limbsOf(value: number): readonly number[] {
  if (!(Math.abs(value) <= largest))
    throw invalid('value', 'must be finite and at most 2^150', { value });
  const integer = Math.floor(value);
  const high = Math.floor(integer / unit);
  const top = Math.floor(high / unit);
  return [Math.round((value - integer) * unit), integer - high * unit, high - top * unit, top];
}
