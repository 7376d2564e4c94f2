import { ratio, undefinedBecause, valueOf } from './measured.ts';
import type { Measured } from './measured.ts';

/** Cells of a two-class confusion table; fractions are allowed (expected counts). */
export interface Confusion {
  readonly truePositives: number;
  readonly falsePositives: number;
  readonly falseNegatives: number;
  readonly trueNegatives: number;
}

export interface ConfusionMetrics {
  readonly rows: number;
  readonly accuracy: Measured;
  readonly precision: Measured;
  /** True-positive rate. */
  readonly recall: Measured;
  /** True-negative rate. */
  readonly specificity: Measured;
  readonly falsePositiveRate: Measured;
  /** Share predicted positive. */
  readonly selectionRate: Measured;
  readonly f1: Measured;
  readonly matthews: Measured;
  readonly kappa: Measured;
}

/** Counts labels (true = positive) against decisions. */
export function confusionOf(
  rows: Iterable<{ readonly label: boolean; readonly predicted: boolean }>,
): Confusion {
  const cells = { truePositives: 0, falsePositives: 0, falseNegatives: 0, trueNegatives: 0 };
  for (const { label, predicted } of rows) {
    if (predicted) cells[label ? 'truePositives' : 'falsePositives'] += 1;
    else cells[label ? 'falseNegatives' : 'trueNegatives'] += 1;
  }
  return cells;
}

/** The usual rates of a confusion table, each undefined with its reason instead of 0 when its denominator is empty. */
export function confusionMetrics(cells: Confusion): ConfusionMetrics {
  const { truePositives: tp, falsePositives: fp, falseNegatives: fn, trueNegatives: tn } = cells;
  const rows = tp + fp + fn + tn;
  return {
    rows,
    accuracy: ratio(tp + tn, rows, 'no rows'),
    precision: ratio(tp, tp + fp, 'no predicted positives'),
    recall: ratio(tp, tp + fn, 'no positives'),
    specificity: ratio(tn, tn + fp, 'no negatives'),
    falsePositiveRate: ratio(fp, tn + fp, 'no negatives'),
    selectionRate: ratio(tp + fp, rows, 'no rows'),
    f1: tp + fn > 0 ? valueOf((2 * tp) / (2 * tp + fp + fn)) : undefinedBecause('no positives'),
    matthews: matthews(cells),
    kappa: kappa(cells, rows),
  };
}

function matthews(cells: Confusion): Measured {
  const { truePositives: tp, falsePositives: fp, falseNegatives: fn, trueNegatives: tn } = cells;
  if (tp + fn === 0 || tn + fp === 0) return undefinedBecause('one class');
  if (tp + fp === 0) return undefinedBecause('no predicted positives');
  if (tn + fn === 0) return undefinedBecause('no predicted negatives');
  const scale = Math.sqrt(tp + fp) * Math.sqrt(tp + fn) * Math.sqrt(tn + fp) * Math.sqrt(tn + fn);
  return valueOf((tp * tn - fp * fn) / scale);
}

/** Cohen's kappa: agreement beyond what the margins alone would give. */
function kappa(cells: Confusion, rows: number): Measured {
  if (rows === 0) return undefinedBecause('no rows');
  const { truePositives: tp, falsePositives: fp, falseNegatives: fn, trueNegatives: tn } = cells;
  const observed = (tp + tn) / rows;
  const expected = ((tp + fp) * (tp + fn) + (tn + fn) * (tn + fp)) / (rows * rows);
  return expected < 1
    ? valueOf((observed - expected) / (1 - expected))
    : undefinedBecause('one class');
}
