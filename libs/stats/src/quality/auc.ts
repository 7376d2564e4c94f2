import { invalid } from '@flywheel/core';
import { normalTail, normalTailQuantile } from '../special/normal.ts';
import { clopperPearson } from '../intervals/proportion.ts';
import { undefinedBecause } from './measured.ts';
import type { Estimate, Undefined } from './measured.ts';
import { checkScores, groupScores, isPositive } from './score-groups.ts';
import type { BinaryLabel, ScoreGroups } from './score-groups.ts';

export interface IntervalOptions {
  /** Two-sided level of the interval, 0.95 unless told. */
  readonly confidence?: number;
}

/**
 * Area under the ROC curve, ties counted half, with DeLong's standard error (DeLong, DeLong & Clarke-Pearson 1988).
 * Where the placements have no spread (perfect separation), the interval is the exact binomial one over
 * min(positives, negatives) disjoint pairs instead of a point.
 */
export function rocAuc(
  scores: ArrayLike<number>,
  labels: ArrayLike<BinaryLabel>,
  options: IntervalOptions = {},
): Estimate | Undefined {
  return groupedAuc(groupScores(scores, labels), options);
}

/** The same from grouped counts; a group may be a bin of scores. */
export function groupedAuc(
  groups: ScoreGroups,
  { confidence = 0.95 }: IntervalOptions = {},
): Estimate | Undefined {
  const { totalPositives, totalNegatives } = groups;
  if (totalPositives + totalNegatives === 0) return undefinedBecause('no rows');
  if (totalPositives === 0 || totalNegatives === 0) return undefinedBecause('one class');
  const { value, variance } = deLong(groups);
  const standardError = Math.sqrt(variance);
  if (standardError === 0 && (value === 0 || value === 1)) {
    const pairs = Math.min(totalPositives, totalNegatives);
    const { low, high } = clopperPearson(value * pairs, pairs, { confidence });
    return { kind: 'value', value, standardError, low, high };
  }
  const reach = normalTailQuantile((1 - confidence) / 2) * standardError;
  return {
    kind: 'value',
    value,
    standardError,
    low: Math.max(0, value - reach),
    high: Math.min(1, value + reach),
  };
}

/** Mean and variance of the placements: share of negatives below a positive, share of positives above a negative. */
function deLong(groups: ScoreGroups): { value: number; variance: number } {
  const { positives, negatives, totalPositives, totalNegatives } = groups;
  let wins = 0;
  let below = 0;
  for (let at = 0; at < positives.length; at++) {
    const negative = negatives[at] as number;
    wins += (positives[at] as number) * (below + negative / 2);
    below += negative;
  }
  const value = wins / totalPositives / totalNegatives;
  let positiveSquares = 0;
  let negativeSquares = 0;
  let negativesBelow = 0;
  let positivesAbove = totalPositives;
  for (let at = 0; at < positives.length; at++) {
    const positive = positives[at] as number;
    const negative = negatives[at] as number;
    positivesAbove -= positive;
    positiveSquares += positive * ((negativesBelow + negative / 2) / totalNegatives - value) ** 2;
    negativeSquares += negative * ((positivesAbove + positive / 2) / totalPositives - value) ** 2;
    negativesBelow += negative;
  }
  const variance =
    positiveSquares / totalPositives / Math.max(1, totalPositives - 1) +
    negativeSquares / totalNegatives / Math.max(1, totalNegatives - 1);
  return { value, variance };
}

export interface PairedAuc {
  readonly kind: 'value';
  readonly first: number;
  readonly second: number;
  /** second - first. */
  readonly difference: number;
  readonly standardError: number;
  readonly low: number;
  readonly high: number;
  /** Two-sided; 1 when the two orders are the same. */
  readonly pValue: number;
}

/** DeLong's test of two models' AUC on the same rows: the covariance of their placements is taken into account. */
export function pairedAuc(
  first: ArrayLike<number>,
  second: ArrayLike<number>,
  labels: ArrayLike<BinaryLabel>,
  { confidence = 0.95 }: IntervalOptions = {},
): PairedAuc | Undefined {
  if (first.length !== second.length)
    throw invalid('second', 'must have one score per row of first');
  const a = placements(first, labels);
  const b = placements(second, labels);
  if (a.positive.length + a.negative.length === 0) return undefinedBecause('no rows');
  if (a.positive.length === 0 || a.negative.length === 0) return undefinedBecause('one class');
  const firstAuc = mean(a.positive);
  const secondAuc = mean(b.positive);
  const variance =
    varianceOfDifference(a.positive, b.positive) + varianceOfDifference(a.negative, b.negative);
  const standardError = Math.sqrt(variance);
  const difference = secondAuc - firstAuc;
  const reach = normalTailQuantile((1 - confidence) / 2) * standardError;
  return {
    kind: 'value',
    first: firstAuc,
    second: secondAuc,
    difference,
    standardError,
    low: difference - reach,
    high: difference + reach,
    pValue:
      standardError === 0 ? 1 : Math.min(1, 2 * normalTail(Math.abs(difference) / standardError)),
  };
}

interface Placements {
  /** Per positive row, in order of rows: share of negatives below, ties half. */
  readonly positive: Float64Array;
  /** Per negative row: share of positives above, ties half. */
  readonly negative: Float64Array;
}

function placements(scores: ArrayLike<number>, labels: ArrayLike<BinaryLabel>): Placements {
  checkScores(scores, labels);
  const groups = groupScores(scores, labels);
  const placeByScore = new Map<number, { positive: number; negative: number }>();
  let negativesBelow = 0;
  let positivesAbove = groups.totalPositives;
  for (let at = 0; at < groups.scores.length; at++) {
    const positive = groups.positives[at] as number;
    const negative = groups.negatives[at] as number;
    positivesAbove -= positive;
    placeByScore.set(groups.scores[at] as number, {
      positive: (negativesBelow + negative / 2) / groups.totalNegatives,
      negative: (positivesAbove + positive / 2) / groups.totalPositives,
    });
    negativesBelow += negative;
  }
  const positive: number[] = [];
  const negative: number[] = [];
  for (let row = 0; row < scores.length; row++) {
    const place = placeByScore.get(scores[row] as number);
    if (isPositive(labels[row])) positive.push(place?.positive ?? 0);
    else negative.push(place?.negative ?? 0);
  }
  return { positive: Float64Array.from(positive), negative: Float64Array.from(negative) };
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Variance of the mean of b - a over the same rows. */
function varianceOfDifference(a: Float64Array, b: Float64Array): number {
  const differences = a.map((value, row) => (b[row] as number) - value);
  const centre = mean(differences);
  const squares = differences.reduce((sum, value) => sum + (value - centre) ** 2, 0);
  return squares / a.length / Math.max(1, a.length - 1);
}
