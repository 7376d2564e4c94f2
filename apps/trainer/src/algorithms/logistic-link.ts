import { powerOfTwo } from './deterministic-math.ts';

/**
 * The logistic function as a fixed list of exactly rounded float64 operations, so that this code and the exported
 * graph give equal bits on every machine (the Sigmoid and LOGISTIC of a runtime differ between processors).
 *
 *   s = margin * SCALE (or * -SCALE)    the exponent in units of ln 2 / 16
 *   s = min(max(s, -LIMIT), LIMIT)      probabilities end at 1e-38
 *   k = round half to even (s); r = s - k
 *   e = POWERS[k] * (1 + r * (C1 + r * (C2 + r * C3)))
 *   probability = 1 / (1 + e)
 *
 * The polynomial is the Taylor series of 2^(r/16), relative error below 1e-8, a sixth of a float32 step.
 */
const LN2 = 0.6931471805599453;
export const STEPS_PER_OCTAVE = 16;
export const LINK_SCALE = STEPS_PER_OCTAVE / LN2;
export const LINK_LIMIT = 2008;
export const LINK_C1 = LN2 / STEPS_PER_OCTAVE;
export const LINK_C2 = (LINK_C1 * LINK_C1) / 2;
export const LINK_C3 = (LINK_C1 * LINK_C1 * LINK_C1) / 6;

/** 2^(k/16) at index k for k >= 0 and at index length + k for k < 0: how ONNX's Gather reads a negative index. */
export const LINK_POWERS = tabulatePowers();

/** Adding and subtracting this rounds |s| < 2^51 to an integer, halves to even. */
const ROUNDER = 6755399441055744;

/** P(class 1) of a margin, before it is rounded to float32. */
export function probabilityOf(margin: number): number {
  return linkOf(margin * -LINK_SCALE);
}

/** P(class 0) of a margin: the exact mirror of `probabilityOf(-margin)`. */
export function complementOf(margin: number): number {
  return linkOf(margin * LINK_SCALE);
}

function linkOf(scaled: number): number {
  const s = scaled > LINK_LIMIT ? LINK_LIMIT : scaled < -LINK_LIMIT ? -LINK_LIMIT : scaled;
  const k = s + ROUNDER - ROUNDER;
  const r = s - k;
  const power = LINK_POWERS[k < 0 ? LINK_POWERS.length + k : k] as number;
  return 1 / (1 + power * (1 + r * (LINK_C1 + r * (LINK_C2 + r * LINK_C3))));
}

function tabulatePowers(): Float64Array {
  const half = Math.sqrt(2);
  const quarter = Math.sqrt(half);
  const eighth = Math.sqrt(quarter);
  const sixteenth = Math.sqrt(eighth);
  const within = Array.from(
    { length: STEPS_PER_OCTAVE },
    (_, j) =>
      (j & 8 ? half : 1) * (j & 4 ? quarter : 1) * ((j & 2 ? eighth : 1) * (j & 1 ? sixteenth : 1)),
  );
  const table = new Float64Array(2 * LINK_LIMIT + 1);
  for (let k = -LINK_LIMIT; k <= LINK_LIMIT; k++) {
    const octave = Math.floor(k / STEPS_PER_OCTAVE);
    table[k < 0 ? table.length + k : k] =
      powerOfTwo(octave) * (within[k - octave * STEPS_PER_OCTAVE] as number);
  }
  return table;
}
