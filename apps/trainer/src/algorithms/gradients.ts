import { exponentOf, powerOfTwo } from './deterministic-math.ts';
import { complementOf, probabilityOf } from './logistic-link.ts';
import { LogLossSum } from './metrics.ts';
import type { TrainingTable } from './training-table.ts';

/** A float32 carries 24 bits exactly. */
const GRADIENT_BITS = 24;
const HALF_INTEGER_ROUNDER = 6755399441055744;

/**
 * Gradient p - y and hessian p (1 - p) of the log-loss, times the row's weight, for each row and iteration.
 * Both are rounded to multiples of 2^-24 of the largest weight (before and after weighting, so that an integer weight
 * is the same as so many rows): a float32 then holds them exactly, and float64 sums of up to 2^29 are exact in any order.
 */
export class LogLossGradients {
  readonly #label: Float32Array | Uint8Array;
  readonly #weight: Float32Array | undefined;
  readonly #rounder: number;
  /** gradient at 2 * row, hessian at 2 * row + 1 */
  readonly pairs: Float32Array;

  constructor(table: TrainingTable) {
    this.#label = table.label;
    this.#weight = table.weight;
    this.pairs = new Float32Array(2 * table.rowCount);
    this.#rounder = HALF_INTEGER_ROUNDER * gradientStep(table.weight);
  }

  /** Recomputes all pairs from the margins and returns the weighted sum of the log-loss at these margins. */
  update(margins: Float32Array, base: number): number {
    const { pairs } = this;
    const label = this.#label;
    const weight = this.#weight;
    const rounder = this.#rounder;
    const loss = new LogLossSum();
    for (let row = 0; row < margins.length; row++) {
      const margin = Math.fround((margins[row] as number) + base);
      const probability = probabilityOf(margin);
      const isPositive = label[row] === 1;
      const rowWeight = weight ? (weight[row] as number) : 1;
      loss.add(isPositive ? probability : complementOf(margin), rowWeight);
      const gradient = (isPositive ? probability - 1 : probability) + rounder - rounder;
      const hessian = probability * (1 - probability) + rounder - rounder;
      pairs[2 * row] = gradient * rowWeight + rounder - rounder;
      pairs[2 * row + 1] = hessian * rowWeight + rounder - rounder;
    }
    return loss.total();
  }
}

function gradientStep(weight: Float32Array | undefined): number {
  if (!weight) return powerOfTwo(-GRADIENT_BITS);
  const largest = weight.reduce((most, value) => Math.max(most, value), 0);
  return powerOfTwo(exponentOf(largest) + 1 - GRADIENT_BITS);
}
