import type { Measured } from '../quality/measured.ts';
import { undefinedBecause, valueOf } from '../quality/measured.ts';

export interface OutlierReference {
  readonly median: number;
  /** Interquartile range of the reference. */
  readonly interquartileRange: number;
}

export interface OutlierScore {
  readonly outlier: boolean;
  /** |value - median| in standard deviations a normal of the same interquartile range would have. */
  readonly score: Measured;
  readonly reason:
    'missing' | 'not finite' | 'no spread in reference' | 'beyond the limit' | 'within the limit';
}

/** Robust distance of one value from a reference. Without spread, any other value is an outlier and the reason says so. */
export function scoreOutlier(
  value: number | null | undefined,
  { median, interquartileRange }: OutlierReference,
  limit = 5,
): OutlierScore {
  if (value === null || value === undefined)
    return { outlier: false, score: undefinedBecause('no rows'), reason: 'missing' };
  if (!Number.isFinite(value))
    return { outlier: true, score: undefinedBecause('no spread'), reason: 'not finite' };
  if (!(interquartileRange > 0))
    return {
      outlier: value !== median,
      score: undefinedBecause('no spread'),
      reason: 'no spread in reference',
    };
  const score = (Math.abs(value - median) / interquartileRange) * 1.3489795003921634;
  return {
    outlier: score > limit,
    score: valueOf(score),
    reason: score > limit ? 'beyond the limit' : 'within the limit',
  };
}
