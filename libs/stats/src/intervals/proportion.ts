import { invalid } from '@flywheel/core';
import { betaQuantile } from '../special/beta.ts';
import { normalTailQuantile } from '../special/normal.ts';

export interface Interval {
  readonly low: number;
  readonly high: number;
}

export interface Confidence {
  /** Two-sided level, 0.95 unless told. */
  readonly confidence?: number;
}

/** Wilson's score interval for a proportion (1927); [0, 1] without trials. Fractions of successes are allowed. */
export function wilson(
  successes: number,
  trials: number,
  { confidence = 0.95 }: Confidence = {},
): Interval {
  checkProportion(successes, trials);
  if (trials === 0) return { low: 0, high: 1 };
  const z = normalTailQuantile(tailOf(confidence));
  const share = successes / trials;
  const scale = 1 + (z * z) / trials;
  const centre = (share + (z * z) / (2 * trials)) / scale;
  const reach =
    (z * Math.sqrt((share * (1 - share)) / trials + (z * z) / (4 * trials * trials))) / scale;
  return {
    low: successes === 0 ? 0 : Math.max(0, centre - reach),
    high: successes === trials ? 1 : Math.min(1, centre + reach),
  };
}

/** Exact interval for a proportion (Clopper & Pearson 1934): never covers less than it says; [0, 1] without trials. */
export function clopperPearson(
  successes: number,
  trials: number,
  { confidence = 0.95 }: Confidence = {},
): Interval {
  checkProportion(successes, trials);
  const tail = tailOf(confidence);
  return {
    low: successes === 0 ? 0 : betaQuantile(tail, successes, trials - successes + 1),
    high: successes === trials ? 1 : 1 - betaQuantile(tail, trials - successes, successes + 1),
  };
}

/** Interval for second - first of two independent proportions (Newcombe 1998, his method 10: two Wilson intervals). */
export function newcombe(
  first: { readonly successes: number; readonly trials: number },
  second: { readonly successes: number; readonly trials: number },
  confidence: Confidence = {},
): Interval & { readonly difference: number } {
  if (first.trials === 0 || second.trials === 0)
    throw invalid('trials', 'must be above 0 in both samples');
  const a = wilson(first.successes, first.trials, confidence);
  const b = wilson(second.successes, second.trials, confidence);
  const shareA = first.successes / first.trials;
  const shareB = second.successes / second.trials;
  const difference = shareB - shareA;
  return {
    difference,
    low: difference - Math.hypot(shareB - b.low, a.high - shareA),
    high: difference + Math.hypot(b.high - shareB, shareA - a.low),
  };
}

/** value +- z standard errors at a two-sided alpha, finite for every alpha above 0 (the tail itself is inverted). */
export function normalInterval(value: number, standardError: number, alpha: number): Interval {
  checkAlpha(alpha);
  const reach = normalTailQuantile(alpha / 2) * standardError;
  return { low: value - reach, high: value + reach };
}

export function checkAlpha(alpha: number): void {
  if (!(alpha > 0 && alpha < 1)) throw invalid('alpha', 'must be above 0 and below 1', { alpha });
}

function tailOf(confidence: number): number {
  if (!(confidence > 0 && confidence < 1))
    throw invalid('confidence', 'must be above 0 and below 1', { confidence });
  return (1 - confidence) / 2;
}

function checkProportion(successes: number, trials: number): void {
  if (!(trials >= 0 && successes >= 0 && successes <= trials))
    throw invalid('successes', 'must be from 0 to trials', { successes, trials });
}
