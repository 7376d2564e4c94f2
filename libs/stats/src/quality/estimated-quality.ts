import type { Confusion } from './confusion.ts';
import { undefinedBecause, valueOf } from './measured.ts';
import type { Measured } from './measured.ts';

export interface ScoredRows {
  readonly rows: number;
  /** Sum of their calibrated scores. */
  readonly scoreSum: number;
  /** Whether they are predicted positive. */
  readonly predicted: boolean;
}

/**
 * Confusion cells to be expected if scores are true probabilities (CBPE, NannyML's estimate for two classes). Valid when
 * only the inputs moved; blind to a changed relation between inputs and outcome.
 */
export function expectedConfusion(parts: Iterable<ScoredRows>): Confusion {
  let truePositives = 0;
  let falsePositives = 0;
  let falseNegatives = 0;
  let trueNegatives = 0;
  for (const { rows, scoreSum, predicted } of parts) {
    if (predicted) {
      truePositives += scoreSum;
      falsePositives += rows - scoreSum;
    } else {
      falseNegatives += scoreSum;
      trueNegatives += rows - scoreSum;
    }
  }
  return { truePositives, falsePositives, falseNegatives, trueNegatives };
}

/**
 * AUC to be expected if scores are true probabilities, without labels: the trapezoid area under the expected
 * true-positive rate over the expected false-positive rate.
 */
export function expectedAuc(scores: ArrayLike<number>): Measured {
  const descending = Float64Array.from(scores).sort().reverse();
  const positives = descending.reduce((sum, score) => sum + score, 0);
  const negatives = descending.length - positives;
  if (descending.length === 0) return undefinedBecause('no rows');
  if (positives <= 0 || negatives <= 0) return undefinedBecause('one class');
  let area = 0;
  let height = 0;
  for (let from = 0; from < descending.length;) {
    const score = descending[from] as number;
    let to = from;
    while (descending[to] === score) to += 1;
    const rise = (to - from) * score;
    area += (to - from - rise) * (height + rise / 2);
    height += rise;
    from = to;
  }
  return valueOf(area / positives / negatives);
}
