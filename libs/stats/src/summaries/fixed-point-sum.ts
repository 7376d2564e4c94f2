import { invalid } from '@flywheel/core';
import { stateCount, stateCounts } from './state.ts';

const unit = 2 ** 52;

/**
 * A running sum in which every value counts as a multiple of 2^-52: adding, removing and merging are then integer
 * arithmetic, exact and independent of order, so that replays give the same bytes. |sum| must stay below 2^53.
 */
export class FixedPointSum {
  #whole = 0;
  #fraction = 0;

  static fromJSON(state: unknown, field = 'sum'): FixedPointSum {
    const parts = stateCounts(state, field);
    const sum = new FixedPointSum();
    sum.#carry(stateCount(parts[0], `${field}[0]`), stateCount(parts[1], `${field}[1]`));
    return sum;
  }

  get value(): number {
    return this.#whole + this.#fraction / unit;
  }

  /** Adds a finite value. */
  add(value: number): void {
    this.#apply(value, 1);
  }

  /** Takes back exactly what `add(value)` added. */
  remove(value: number): void {
    this.#apply(value, -1);
  }

  merge(other: FixedPointSum): this {
    this.#carry(other.#whole, other.#fraction);
    return this;
  }

  subtract(other: FixedPointSum): this {
    this.#carry(-other.#whole, -other.#fraction);
    return this;
  }

  clone(): FixedPointSum {
    return new FixedPointSum().merge(this);
  }

  /** [whole part, fraction in units of 2^-52]: two safe integers. */
  toJSON(): readonly [number, number] {
    return [this.#whole, this.#fraction];
  }

  #apply(value: number, sign: 1 | -1): void {
    if (!Number.isFinite(value)) throw invalid('value', 'must be finite', { value });
    const whole = Math.floor(value);
    this.#carry(sign * whole, sign * Math.round((value - whole) * unit));
  }

  #carry(whole: number, fraction: number): void {
    const sum = this.#fraction + fraction;
    const carried = Math.floor(sum / unit);
    // + 0 turns a negative zero, which JSON would not bring back, into zero.
    this.#whole += whole + carried + 0;
    this.#fraction = sum - carried * unit;
  }
}
