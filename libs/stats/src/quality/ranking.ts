import { undefinedBecause, valueOf } from './measured.ts';
import type { Measured, Undefined } from './measured.ts';
import { groupScores } from './score-groups.ts';
import type { BinaryLabel, ScoreGroups } from './score-groups.ts';

/**
 * Area under the precision-recall curve as average precision: sum of (recall step) x precision over distinct scores,
 * ties taken together, no interpolation.
 */
export function averagePrecision(
  scores: ArrayLike<number>,
  labels: ArrayLike<BinaryLabel>,
): Measured {
  return groupedAveragePrecision(groupScores(scores, labels));
}

export function groupedAveragePrecision(groups: ScoreGroups): Measured {
  const { scores, totalPositives, totalNegatives } = groups;
  if (totalPositives + totalNegatives === 0) return undefinedBecause('no rows');
  if (totalPositives === 0) return undefinedBecause('no positives');
  let above = 0;
  let positivesAbove = 0;
  let sum = 0;
  for (let at = scores.length - 1; at >= 0; at--) {
    const positives = groups.positives[at] as number;
    positivesAbove += positives;
    above += positives + (groups.negatives[at] as number);
    if (positives > 0) sum += (positives / totalPositives) * (positivesAbove / above);
  }
  return valueOf(sum);
}

/** Largest distance between the score distributions of the two classes (the credit scorer's KS). */
export function groupedKolmogorovSmirnov(groups: ScoreGroups): Measured {
  const { scores, totalPositives, totalNegatives } = groups;
  if (totalPositives === 0 || totalNegatives === 0) return undefinedBecause('one class');
  let positives = 0;
  let negatives = 0;
  let largest = 0;
  for (let at = 0; at < scores.length; at++) {
    positives += groups.positives[at] as number;
    negatives += groups.negatives[at] as number;
    largest = Math.max(largest, Math.abs(positives / totalPositives - negatives / totalNegatives));
  }
  return valueOf(largest);
}

export interface BestThreshold {
  readonly kind: 'value';
  /** Predict positive from this score on; Infinity means never. */
  readonly threshold: number;
  readonly value: number;
}

/** The best accuracy or F1 any threshold can reach; only thresholds between distinct scores exist. */
export function bestThreshold(
  scores: ArrayLike<number>,
  labels: ArrayLike<BinaryLabel>,
  metric: 'accuracy' | 'f1',
): BestThreshold | Undefined {
  return groupedBestThreshold(groupScores(scores, labels), metric);
}

export function groupedBestThreshold(
  groups: ScoreGroups,
  metric: 'accuracy' | 'f1',
): BestThreshold | Undefined {
  const { scores, totalPositives, totalNegatives } = groups;
  const rows = totalPositives + totalNegatives;
  if (rows === 0) return undefinedBecause('no rows');
  if (metric === 'f1' && totalPositives === 0) return undefinedBecause('no positives');
  let best = {
    threshold: Infinity,
    value: metric === 'accuracy' ? totalNegatives / rows : 0,
  };
  let truePositives = 0;
  let falsePositives = 0;
  for (let at = scores.length - 1; at >= 0; at--) {
    truePositives += groups.positives[at] as number;
    falsePositives += groups.negatives[at] as number;
    const value =
      metric === 'accuracy'
        ? (truePositives + totalNegatives - falsePositives) / rows
        : (2 * truePositives) / (truePositives + falsePositives + totalPositives);
    if (value > best.value) best = { threshold: scores[at] as number, value };
  }
  return { kind: 'value', ...best };
}
