import { invalid } from '@flywheel/core';
import { checkAlpha } from '../intervals/proportion.ts';
import type { Interval } from '../intervals/proportion.ts';

export interface SequenceTuning {
  /** Sample size at which the sequence is to be narrowest, 5,000 unless told. */
  readonly tunedFor?: number;
  /** The mixing parameter itself, instead of the size it is derived from. */
  readonly rho?: number;
}

/**
 * Half-width, in standard deviations, of the asymptotic confidence sequence after n observations: sqrt(2 (n rho^2 + 1) /
 * (n rho)^2 ln(sqrt(n rho^2 + 1) / alpha)), rho^2 = (-2 ln alpha + ln(1 - 2 ln alpha)) / tunedFor (Waudby-Smith et al. 2021;
 * the form GrowthBook ships). Finite at every alpha above 0; Infinity without observations.
 */
export function sequenceHalfWidth(
  n: number,
  alpha: number,
  { tunedFor = 5_000, rho }: SequenceTuning = {},
): number {
  checkAlpha(alpha);
  if (!(n >= 0)) throw invalid('n', 'must be at least 0', { n });
  if (n === 0) return Infinity;
  const rhoSquared =
    rho === undefined
      ? (-2 * Math.log(alpha) + Math.log(1 - 2 * Math.log(alpha))) / tunedFor
      : rho * rho;
  const grown = n * rhoSquared + 1;
  return Math.sqrt(((2 * grown) / (n * n * rhoSquared)) * (Math.log(grown) / 2 - Math.log(alpha)));
}

/** mean +- halfWidth x standardDeviation: covers the true mean at every n at once with probability about 1 - alpha. */
export function meanSequence(
  state: { readonly n: number; readonly mean: number; readonly standardDeviation: number },
  alpha: number,
  tuning: SequenceTuning = {},
): Interval {
  const reach = sequenceHalfWidth(state.n, alpha, tuning) * state.standardDeviation;
  return { low: state.mean - reach, high: state.mean + reach };
}
