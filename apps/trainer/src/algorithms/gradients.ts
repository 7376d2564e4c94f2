import { exponentOf, log, powerOfTwo } from './deterministic-math.ts';
import { complementOf, probabilityOf } from './logistic-link.ts';
import type { TrainingTable } from './training-table.ts';
import type { GradientRecords } from './tree-memory.ts';

/** A float32 carries 24 bits exactly. */
const GRADIENT_BITS = 24;
const HALF_INTEGER_ROUNDER = 6755399441055744;

/**
 * Gradient p - y and hessian p (1 - p) of the log-loss, times the row's weight, for each row and iteration.
 * Both are rounded to multiples of 2^-24 of the largest weight (before and after weighting, so that an integer weight
 * is the same as so many rows): a float32 then holds them exactly, and float64 sums of up to 2^29 are exact in any order.
 * Eight probabilities of at least 1e-38 are multiplied before one logarithm is taken.
 */
export class LogLossGradients {
  readonly #label: Float32Array | Uint8Array;
  readonly #weight: Float32Array | undefined;
  readonly #rounder: number;
  readonly #records: GradientRecords;

  constructor(table: TrainingTable, records: GradientRecords) {
    this.#label = table.label;
    this.#weight = table.weight;
    this.#records = records;
    this.#rounder = HALF_INTEGER_ROUNDER * gradientStep(table.weight);
  }

  /** Writes gradient and hessian of every record at these margins; returns the weighted sum of the log-loss there. */
  update(margins: Float32Array, base: number): number {
    return this.#weight
      ? this.#updateWeighted(margins, base, this.#weight)
      : this.#updateEqual(margins, base);
  }

  #updateEqual(margins: Float32Array, base: number): number {
    const { floats, stride, first } = this.#records;
    const label = this.#label;
    const rounder = this.#rounder;
    let loss = 0;
    let product = 1;
    for (let row = 0, at = first; row < margins.length; row++, at += stride) {
      const margin = Math.fround((margins[row] as number) + base);
      const probability = probabilityOf(margin);
      const isPositive = label[row] === 1;
      const gradient = isPositive ? probability - 1 : probability;
      floats[at] = gradient + rounder - rounder;
      floats[at + 1] = probability * (1 - probability) + rounder - rounder;
      product *= isPositive ? probability : rest(probability, margin);
      if ((row & 7) === 7) {
        loss -= log(product);
        product = 1;
      }
    }
    return loss - log(product);
  }

  #updateWeighted(margins: Float32Array, base: number, weight: Float32Array): number {
    const { floats, stride, first } = this.#records;
    const label = this.#label;
    const rounder = this.#rounder;
    let loss = 0;
    for (let row = 0, at = first; row < margins.length; row++, at += stride) {
      const margin = Math.fround((margins[row] as number) + base);
      const probability = probabilityOf(margin);
      const isPositive = label[row] === 1;
      const rowWeight = weight[row] as number;
      const gradient = (isPositive ? probability - 1 : probability) + rounder - rounder;
      const hessian = probability * (1 - probability) + rounder - rounder;
      floats[at] = gradient * rowWeight + rounder - rounder;
      floats[at + 1] = hessian * rowWeight + rounder - rounder;
      loss -= rowWeight * log(isPositive ? probability : rest(probability, margin));
    }
    return loss;
  }
}

/** P(class 0); near 0 by its own formula, which loses no digits. */
function rest(probability: number, margin: number): number {
  return probability < 0.999 ? 1 - probability : complementOf(margin);
}

function gradientStep(weight: Float32Array | undefined): number {
  if (!weight) return powerOfTwo(-GRADIENT_BITS);
  const largest = weight.reduce((most, value) => Math.max(most, value), 0);
  return powerOfTwo(exponentOf(largest) + 1 - GRADIENT_BITS);
}
