import { invalid } from '@flywheel/core';
import { checkCounts, homogeneityTest, sum } from '../hypothesis/count-tests.ts';
import { undefinedBecause, valueOf } from '../quality/measured.ts';
import type { Measured } from '../quality/measured.ts';
import { chiSquareQuantile } from '../special/distributions.ts';

export interface Smoothing {
  /** Added to every count of both samples. */
  readonly smoothing?: number;
}

/**
 * Population stability index: sum of (p - q) ln(p / q) over common bins (Jeffreys' divergence, nats). 0.5 is added to
 * every count unless told otherwise, so that empty bins are finite and the value merges.
 */
export function psi(
  reference: readonly number[],
  current: readonly number[],
  { smoothing = 0.5 }: Smoothing = {},
): number {
  const [p, q] = shares(reference, current, smoothing);
  return total(p, q, (a, b) => (a === b ? 0 : (a - b) * Math.log(a / b)));
}

/** Mean of PSI when nothing drifted: (bins - 1)(1/n + 1/m) (Yurdakul 2018). */
export function psiNullMean(bins: number, n: number, m: number): number {
  return Math.max(0, bins - 1) * (1 / n + 1 / m);
}

/** Quantile of PSI when nothing drifted: (1/n + 1/m) times a chi-square with bins - 1 degrees of freedom. */
export function psiNullQuantile(probability: number, bins: number, n: number, m: number): number {
  return chiSquareQuantile(probability, bins - 1) * (1 / n + 1 / m);
}

/** PSI less its mean under no drift; may be below 0. Bins empty in both samples do not count as bins. */
export function psiDebiased(
  reference: readonly number[],
  current: readonly number[],
  options: Smoothing = {},
): number {
  const used = usedBins(reference, current);
  return (
    psi(used.reference, used.current, options) -
    psiNullMean(used.reference.length, sum(reference), sum(current))
  );
}

/** Jensen-Shannon divergence in nats (at most ln 2). The distance is its root; divide by ln 2 for bits. */
export function jensenShannon(reference: readonly number[], current: readonly number[]): number {
  const [p, q] = shares(reference, current, 0);
  return Math.max(
    0,
    total(p, q, (a, b) => (part(a, (a + b) / 2) + part(b, (a + b) / 2)) / 2),
  );
}

/** Jensen-Shannon divergence less its mean under no drift, (bins - 1)(1/n + 1/m) / 8. */
export function jensenShannonDebiased(
  reference: readonly number[],
  current: readonly number[],
): number {
  const bins = usedBins(reference, current).reference.length;
  return jensenShannon(reference, current) - psiNullMean(bins, sum(reference), sum(current)) / 8;
}

/** Kullback-Leibler divergence of the reference from the current sample, nats; Infinity when a bin is empty only there. */
export function kullbackLeibler(
  reference: readonly number[],
  current: readonly number[],
  { smoothing = 0 }: Smoothing = {},
): number {
  const [p, q] = shares(reference, current, smoothing);
  return Math.max(0, total(p, q, part));
}

/** Hellinger distance, 0 to 1. */
export function hellinger(reference: readonly number[], current: readonly number[]): number {
  const [p, q] = shares(reference, current, 0);
  return Math.sqrt(total(p, q, (a, b) => (Math.sqrt(a) - Math.sqrt(b)) ** 2) / 2);
}

/** Total variation: half the sum of absolute differences of shares, 0 to 1. */
export function totalVariation(reference: readonly number[], current: readonly number[]): number {
  const [p, q] = shares(reference, current, 0);
  return total(p, q, (a, b) => Math.abs(a - b)) / 2;
}

/** Largest absolute difference of shares, 0 to 1. */
export function largestDifference(
  reference: readonly number[],
  current: readonly number[],
): number {
  const [p, q] = shares(reference, current, 0);
  return p.reduce(
    (largest, share, at) => Math.max(largest, Math.abs(share - (q[at] as number))),
    0,
  );
}

/** Bias-corrected Cramer's V of the 2 x k table (Bergsma 2013), 0 to 1; undefined when only one column has counts. */
export function cramersV(reference: readonly number[], current: readonly number[]): Measured {
  const n = sum(reference) + sum(current);
  if (sum(reference) === 0 || sum(current) === 0) return undefinedBecause('no rows');
  const { statistic, columns } = homogeneityTest(reference, current);
  if (columns < 2) return undefinedBecause('no spread');
  const excess = Math.max(0, statistic / n - (columns - 1) / (n - 1));
  const rows = 2 - 1 / (n - 1);
  const corrected = columns - (columns - 1) ** 2 / (n - 1);
  const smaller = Math.min(rows, corrected) - 1;
  return smaller > 0
    ? valueOf(Math.min(1, Math.sqrt(excess / smaller)))
    : undefinedBecause('too few rows');
}

function part(p: number, q: number): number {
  return p === 0 ? 0 : p * Math.log(p / q);
}

function total(
  p: readonly number[],
  q: readonly number[],
  of: (p: number, q: number) => number,
): number {
  return p.reduce((running, share, at) => running + of(share, q[at] as number), 0);
}

function shares(
  reference: readonly number[],
  current: readonly number[],
  smoothing: number,
): [number[], number[]] {
  checkCounts(reference, current);
  return [smoothed(reference, smoothing, 'reference'), smoothed(current, smoothing, 'current')];
}

function smoothed(counts: readonly number[], smoothing: number, field: string): number[] {
  const whole = sum(counts) + smoothing * counts.length;
  if (whole <= 0) throw invalid(field, 'must hold values');
  return counts.map((count) => (count + smoothing) / whole);
}

function usedBins(
  reference: readonly number[],
  current: readonly number[],
): { reference: number[]; current: number[] } {
  checkCounts(reference, current);
  const used = (_: number, at: number) => (reference[at] as number) + (current[at] as number) > 0;
  return { reference: reference.filter(used), current: current.filter(used) };
}
