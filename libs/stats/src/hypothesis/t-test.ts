import type { Moments } from '../summaries/moments.ts';
import { studentTwoSided } from '../special/distributions.ts';
import { undefinedBecause } from '../quality/measured.ts';
import type { Undefined } from '../quality/measured.ts';

export interface TTest {
  readonly kind: 'value';
  readonly t: number;
  readonly df: number;
  /** Two-sided. */
  readonly pValue: number;
}

/**
 * Compares two means from their moments: Welch's test (unequal variances) unless `pooled`. Zero spread on both sides
 * gives no verdict instead of certainty.
 */
export function tTest(
  first: Moments,
  second: Moments,
  { pooled = false }: { readonly pooled?: boolean } = {},
): TTest | Undefined {
  if (first.count < 2 || second.count < 2) return undefinedBecause('too few rows');
  const a = first.variance ?? 0;
  const b = second.variance ?? 0;
  if (a + b <= 0) return undefinedBecause('no spread');
  const n = first.count;
  const m = second.count;
  const common = ((n - 1) * a + (m - 1) * b) / (n + m - 2);
  const ofFirst = (pooled ? common : a) / n;
  const ofSecond = (pooled ? common : b) / m;
  const df = pooled
    ? n + m - 2
    : (ofFirst + ofSecond) ** 2 / (ofFirst ** 2 / (n - 1) + ofSecond ** 2 / (m - 1));
  const t = ((first.mean ?? 0) - (second.mean ?? 0)) / Math.sqrt(ofFirst + ofSecond);
  return { kind: 'value', t, df, pValue: studentTwoSided(t, df) };
}
