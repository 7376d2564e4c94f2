import { invalid } from '@flywheel/core';
import { checkAlpha } from '../intervals/proportion.ts';
import { normalTailQuantile } from '../special/normal.ts';
import { discordantEvidence } from './discordant-evidence.ts';

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

/**
 * Pairs by which the always-valid evidence (`discordantEvidence`, watched after every pair) has reached 1 / alpha with
 * the given power: the exact first-passage distribution of the walk of discordant pairs, divided by the discordance.
 * undefined beyond 200,000 discordant pairs.
 */
export function forecastSequentialPairs(plan: PairedPlan): number | undefined {
  const { difference, discordance, alpha, power } = checked(plan);
  const win = (1 + difference / discordance) / 2;
  const threshold = -Math.log(alpha);
  let undecided = new Map<number, number>([[0, 1]]);
  let decided = 0;
  let lead = 1;
  for (let pairs = 1; pairs <= 200_000; pairs++) {
    lead = boundary(pairs, lead, threshold);
    const next = new Map<number, number>();
    for (const [ahead, share] of undecided)
      for (const [to, part] of [
        [ahead + 1, share * win],
        [ahead - 1, share * (1 - win)],
      ] as const) {
        if (to >= lead) decided += part;
        else if (to > -lead && part > 1e-14) next.set(to, (next.get(to) ?? 0) + part);
      }
    undecided = next;
    if (decided >= power) return Math.ceil(pairs / discordance);
    if (next.size === 0) return undefined;
  }
  return undefined;
}

/** Smallest lead among `pairs` discordant ones that decides; pairs + 1 while none does. It only grows with pairs. */
function boundary(pairs: number, from: number, threshold: number): number {
  let lead = Math.max(from - 1, pairs % 2);
  if ((pairs - lead) % 2 !== 0) lead += 1;
  while (lead <= pairs && log(pairs, lead) < threshold) lead += 2;
  return lead;
}

function log(pairs: number, lead: number): number {
  return discordantEvidence((pairs - lead) / 2, (pairs + lead) / 2).logEValue;
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
