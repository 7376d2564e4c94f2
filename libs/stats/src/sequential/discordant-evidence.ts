import { invalid } from '@flywheel/core';
import { regularizedBeta } from '../special/beta.ts';
import { logBeta } from '../special/gamma.ts';

export interface DiscordantEvidence {
  /** Natural logarithm of the two-sided e-value against "both are right equally often". */
  readonly logEValue: number;
  /** The e-value itself, capped at the largest double so that it stays a JSON number. */
  readonly eValue: number;
  /** Against "the candidate is right no more often than the champion". */
  readonly logCandidateEValue: number;
  readonly candidateEValue: number;
  /** Against "the champion is right no more often than the candidate". */
  readonly logChampionEValue: number;
  readonly championEValue: number;
}

/**
 * Evidence from the pairs on which exactly one model was right, valid however often it is looked at: by Ville's
 * inequality it reaches 1 / alpha with probability at most alpha while the hypothesis holds. Two-sided: a uniform mixture
 * over the share of pairs the candidate wins, E = 2^(b+c) B(b+1, c+1). One-sided: the same mixture over one half only,
 * renormalised. Depends on the two counts alone, so it merges, and corrected labels can be taken back.
 */
export function discordantEvidence(
  championOnly: number,
  candidateOnly: number,
): DiscordantEvidence {
  for (const [name, count] of [
    ['championOnly', championOnly],
    ['candidateOnly', candidateOnly],
  ] as const)
    if (!Number.isSafeInteger(count) || count < 0)
      throw invalid(name, 'must be a count of at least 0', { count });
  const a = candidateOnly + 1;
  const b = championOnly + 1;
  const logEValue = twoSidedLogEValue(championOnly, candidateOnly);
  const logCandidateEValue = logEValue + Math.LN2 + Math.log(regularizedBeta(0.5, b, a));
  const logChampionEValue = logEValue + Math.LN2 + Math.log(regularizedBeta(0.5, a, b));
  return {
    logEValue,
    eValue: finiteExp(logEValue),
    logCandidateEValue: Math.max(-Number.MAX_VALUE, logCandidateEValue),
    candidateEValue: finiteExp(logCandidateEValue),
    logChampionEValue: Math.max(-Number.MAX_VALUE, logChampionEValue),
    championEValue: finiteExp(logChampionEValue),
  };
}

/** ln of 2^(b+c) B(b+1, c+1). */
export function twoSidedLogEValue(b: number, c: number): number {
  return (b + c) * Math.LN2 + logBeta(b + 1, c + 1);
}

/** exp(x), but at most the largest double. */
export function finiteExp(x: number): number {
  return Math.min(Number.MAX_VALUE, Math.exp(x));
}
