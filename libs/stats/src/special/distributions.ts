import { regularizedBeta } from './beta.ts';
import { bisect } from './bisect.ts';
import { logChoose, upperGamma } from './gamma.ts';

/** P(X > x) for a chi-square variable with `df` degrees of freedom. */
export function chiSquareTail(x: number, df: number): number {
  return df <= 0 ? 1 : upperGamma(df / 2, x / 2);
}

/** The x with P(X <= x) = probability for a chi-square variable with `df` degrees of freedom. */
export function chiSquareQuantile(probability: number, df: number): number {
  if (df <= 0) return 0;
  let high = df + 10;
  while (chiSquareTail(high, df) > 1 - probability) high *= 2;
  return bisect((x) => 1 - probability - chiSquareTail(x, df), 0, high);
}

/** P(|T| > |t|) for Student's t with `df` degrees of freedom (fractions allowed). */
export function studentTwoSided(t: number, df: number): number {
  if (!Number.isFinite(t)) return 0;
  return regularizedBeta(df / (df + t * t), df / 2, 0.5);
}

/** P(X >= successes) for a binomial variable. */
export function binomialUpper(successes: number, trials: number, probability: number): number {
  return successes <= 0 ? 1 : regularizedBeta(probability, successes, trials - successes + 1);
}

/** P(X = successes) for a binomial variable, 0 < probability < 1. */
export function binomialPoint(successes: number, trials: number, probability: number): number {
  return Math.exp(
    logChoose(trials, successes) +
      successes * Math.log(probability) +
      (trials - successes) * Math.log1p(-probability),
  );
}
