import { invalid } from '@flywheel/core';
import { checkAlpha } from '../intervals/proportion.ts';
import { normalTailQuantile } from '../special/normal.ts';
import { twoSidedLogEValue } from './discordant-evidence.ts';

export interface PairedPlan {
  /** Difference of the two accuracies to be found, as a share (0.01 = one point). */
  readonly difference: number;
  /** Share of pairs on which exactly one model is right; at least the difference. */
  readonly discordance: number;
  /** Two-sided, 0.05 unless told. */
  readonly alpha?: number;
  /** Chance of finding it, 0.8 unless told. */
  readonly power?: number;
}

/** Pairs for McNemar's test with one look at the end (Connor 1987). */
export function forecastPairedTest(plan: PairedPlan): number {
  const { difference, discordance, alpha, power } = checked(plan);
  const reach =
    normalTailQuantile(alpha / 2) * Math.sqrt(discordance) +
    normalTailQuantile(1 - power) * Math.sqrt(discordance - difference * difference);
  return Math.ceil((reach / difference) ** 2);
}

/** Requests per arm when each arm sees its own traffic: both variances at the base rate. */
export function forecastUnpairedTest({
  accuracy,
  difference,
  alpha = 0.05,
  power = 0.8,
}: {
  /** Base rate, between 0 and 1. */
  readonly accuracy: number;
  readonly difference: number;
  readonly alpha?: number;
  readonly power?: number;
}): number {
  checkAlpha(alpha);
  checkShare('power', power);
  checkShare('accuracy', accuracy);
  if (!(difference > 0)) throw invalid('difference', 'must be above 0', { difference });
  const reach = normalTailQuantile(alpha / 2) + normalTailQuantile(1 - power);
  return Math.ceil((2 * accuracy * (1 - accuracy) * reach * reach) / (difference * difference));
}

const longestWalk = 100_000;

/**
 * Pairs by which the always-valid evidence (`discordantEvidence`, watched after every pair) has reached 1 / alpha with
 * the given power: the exact first-passage distribution of the walk of discordant pairs, divided by the discordance.
 * undefined beyond 100,000 discordant pairs. Takes up to some 0.3 s for the smallest differences.
 */
export function forecastSequentialPairs(plan: PairedPlan): number | undefined {
  const { difference, discordance, alpha, power } = checked(plan);
  const win = (1 + difference / discordance) / 2;
  const threshold = -Math.log(alpha);
  // Entry centre + k: share of walks that are undecided and lead by k discordant pairs.
  const centre = Math.ceil(Math.sqrt(2 * longestWalk * (threshold + 10))) + 2;
  let shares = new Float64Array(2 * centre + 1);
  let next = new Float64Array(2 * centre + 1);
  shares[centre] = 1;
  let decided = 0;
  let lead = 1;
  for (let pairs = 1; pairs <= longestWalk; pairs++) {
    const reach = Math.min(pairs, lead);
    lead = boundary(pairs, lead, threshold);
    next.fill(0, centre - reach - 2, centre + reach + 3);
    for (let k = -reach; k <= reach; k++) {
      const share = shares[centre + k] as number;
      if (share < 1e-15) continue;
      next[centre + k + 1] = (next[centre + k + 1] as number) + share * win;
      next[centre + k - 1] = (next[centre + k - 1] as number) + share * (1 - win);
    }
    // Only the outermost states can have crossed; those on the wrong side have decided too, but wrongly.
    for (let k = lead; k <= reach + 1; k++) {
      decided += next[centre + k] as number;
      next[centre + k] = 0;
      next[centre - k] = 0;
    }
    if (decided >= power) return Math.ceil(pairs / discordance);
    [shares, next] = [next, shares];
  }
  return undefined;
}

/** Smallest lead among `pairs` discordant ones that decides, above `pairs` while none does; it moves by steps of one. */
function boundary(pairs: number, from: number, threshold: number): number {
  let lead = Math.max(from - 1, pairs % 2);
  if ((pairs - lead) % 2 !== 0) lead += 1;
  while (lead <= pairs && twoSidedLogEValue((pairs - lead) / 2, (pairs + lead) / 2) < threshold)
    lead += 2;
  return lead;
}

function checked(plan: PairedPlan): Required<PairedPlan> {
  const { difference, discordance, alpha = 0.05, power = 0.8 } = plan;
  checkAlpha(alpha);
  checkShare('power', power);
  if (!(difference > 0)) throw invalid('difference', 'must be above 0', { difference });
  if (!(discordance >= difference && discordance <= 1))
    throw invalid('discordance', 'must be from the difference to 1', { discordance });
  return { difference, discordance, alpha, power };
}

function checkShare(field: string, share: number): void {
  if (!(share > 0 && share < 1)) throw invalid(field, 'must be above 0 and below 1', { share });
}
