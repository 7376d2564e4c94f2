import { invalid } from '@flywheel/core';

/**
 * Rows grouped by equal score, scores ascending: everything a rank metric may depend on. Ties are one group, so no
 * metric can depend on the order of rows.
 */
export interface ScoreGroups {
  readonly scores: Float64Array;
  readonly positives: Float64Array;
  readonly negatives: Float64Array;
  readonly totalPositives: number;
  readonly totalNegatives: number;
}

/** A label as a number (1 or 0) or a boolean. */
export type BinaryLabel = 0 | 1 | boolean;

/** Groups parallel arrays of finite scores and labels. */
export function groupScores(
  scores: ArrayLike<number>,
  labels: ArrayLike<BinaryLabel>,
): ScoreGroups {
  checkScores(scores, labels);
  const positives: number[] = [];
  const negatives: number[] = [];
  for (let row = 0; row < scores.length; row++)
    (isPositive(labels[row]) ? positives : negatives).push(scores[row] as number);
  return mergeSorted(Float64Array.from(positives).sort(), Float64Array.from(negatives).sort());
}

export function checkScores(scores: ArrayLike<number>, labels: ArrayLike<BinaryLabel>): void {
  if (scores.length !== labels.length)
    throw invalid('labels', 'must have one entry per score', {
      scores: scores.length,
      labels: labels.length,
    });
  for (let row = 0; row < scores.length; row++) {
    if (!Number.isFinite(scores[row])) throw invalid(`scores[${row}]`, 'must be finite');
    const label = labels[row];
    if (label !== 0 && label !== 1 && typeof label !== 'boolean')
      throw invalid(`labels[${row}]`, 'must be 0, 1 or a boolean');
  }
}

export function isPositive(label: BinaryLabel | undefined): boolean {
  return label === 1 || label === true;
}

function mergeSorted(positive: Float64Array, negative: Float64Array): ScoreGroups {
  const scores: number[] = [];
  const positives: number[] = [];
  const negatives: number[] = [];
  let p = 0;
  let n = 0;
  while (p < positive.length || n < negative.length) {
    const score = Math.min(positive[p] ?? Infinity, negative[n] ?? Infinity);
    const fromP = p;
    const fromN = n;
    while (positive[p] === score) p += 1;
    while (negative[n] === score) n += 1;
    scores.push(score);
    positives.push(p - fromP);
    negatives.push(n - fromN);
  }
  return {
    scores: Float64Array.from(scores),
    positives: Float64Array.from(positives),
    negatives: Float64Array.from(negatives),
    totalPositives: positive.length,
    totalNegatives: negative.length,
  };
}
