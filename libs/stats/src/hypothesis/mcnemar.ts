import { checkCounts } from './count-tests.ts';
import { binomialPoint, binomialUpper, chiSquareTail } from '../special/distributions.ts';

export interface McNemar {
  /** (b - c)^2 / (b + c). */
  readonly statistic: number;
  readonly pValue: number;
  /** With Edwards' continuity correction. */
  readonly correctedStatistic: number;
  readonly correctedPValue: number;
  /** Binomial, two-sided. */
  readonly exactPValue: number;
  /** Exact less half the probability of the table itself: close to its level, for one look at the end. */
  readonly midPValue: number;
}

/**
 * McNemar's test for one look at two models on the same rows: b rows only the first got right, c only the second.
 * For looking again and again use `discordantEvidence`. Without discordant rows every p is 1.
 */
export function mcnemar(b: number, c: number): McNemar {
  checkCounts([b], [c]);
  const n = b + c;
  if (n === 0)
    return {
      statistic: 0,
      pValue: 1,
      correctedStatistic: 0,
      correctedPValue: 1,
      exactPValue: 1,
      midPValue: 1,
    };
  const statistic = (b - c) ** 2 / n;
  const correctedStatistic = Math.max(0, Math.abs(b - c) - 1) ** 2 / n;
  const upper = binomialUpper(Math.max(b, c), n, 0.5);
  const exactPValue = Math.min(1, 2 * upper);
  return {
    statistic,
    pValue: chiSquareTail(statistic, 1),
    correctedStatistic,
    correctedPValue: chiSquareTail(correctedStatistic, 1),
    exactPValue,
    midPValue: Math.min(1, 2 * upper - binomialPoint(Math.max(b, c), n, 0.5)),
  };
}
