import { invalid } from '@flywheel/core';
import { checkCounts, sum } from '../hypothesis/count-tests.ts';
import { logGamma } from '../special/gamma.ts';
import { finiteExp } from './discordant-evidence.ts';

export interface SampleRatioEvidence {
  readonly logEValue: number;
  /** Reaching 1 / alpha means: the split is not the planned one. */
  readonly eValue: number;
  /** min(1, 1 / E) of the counts as they stand; valid at every look. */
  readonly pValue: number;
  readonly mismatch: boolean;
}

export interface SampleRatioOptions {
  /** 0.001 unless told: the check runs all the time. */
  readonly alpha?: number;
  /** Prior weight of the planned shares, in observations; 10,000 unless told. Larger looks for smaller deviations. */
  readonly concentration?: number;
}

/**
 * Sequential check that traffic is split as planned (sample-ratio mismatch): a Dirichlet-multinomial mixture against
 * the planned shares (Lindon & Malek 2022), E = Gamma(k)/Gamma(k+n) prod Gamma(k s_i + n_i)/Gamma(k s_i) / prod s_i^n_i.
 * Counts and planned shares in the same order, holdouts included; shares are scaled to 1.
 */
export function sampleRatio(
  counts: readonly number[],
  plannedShares: readonly number[],
  { alpha = 0.001, concentration = 10_000 }: SampleRatioOptions = {},
): SampleRatioEvidence {
  checkCounts(counts, plannedShares);
  if (!(concentration > 0)) throw invalid('concentration', 'must be above 0', { concentration });
  const whole = sum(plannedShares);
  if (whole <= 0) throw invalid('plannedShares', 'must hold a share above 0');
  const n = sum(counts);
  let log = logGamma(concentration) - logGamma(concentration + n);
  counts.forEach((count, at) => {
    const share = (plannedShares[at] as number) / whole;
    if (share === 0) {
      // Traffic where none was planned is impossible under the plan.
      if (count > 0) log = Infinity;
      return;
    }
    const prior = concentration * share;
    log += logGamma(prior + count) - logGamma(prior) - count * Math.log(share);
  });
  const logEValue = Math.min(Number.MAX_VALUE, log);
  const eValue = finiteExp(logEValue);
  return {
    logEValue,
    eValue,
    pValue: Math.min(1, Math.exp(-logEValue)),
    mismatch: logEValue >= -Math.log(alpha),
  };
}
