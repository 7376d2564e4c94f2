import { invalid } from '@flywheel/core';
import { FixedPointSum } from '../summaries/fixed-point-sum.ts';
import type { FixedPointState } from '../summaries/fixed-point-sum.ts';
import { stateArray, stateCount, stateCounts, stateObject } from '../summaries/state.ts';
import { groupedAuc } from './auc.ts';
import type { IntervalOptions } from './auc.ts';
import type { Confusion } from './confusion.ts';
import { expectedConfusion } from './estimated-quality.ts';
import { undefinedBecause, valueOf } from './measured.ts';
import type { Estimate, Measured, Undefined } from './measured.ts';
import { groupedAveragePrecision, groupedKolmogorovSmirnov } from './ranking.ts';
import { isPositive } from './score-groups.ts';
import type { BinaryLabel, ScoreGroups } from './score-groups.ts';

export interface ScoreLabelState {
  readonly bins: number;
  /** [bin, negatives, positives, sum of scores in units of 2^-24] of the bins that are not empty. */
  readonly cells: readonly (readonly [number, number, number, number])[];
  readonly logLoss: FixedPointState;
  readonly brier: FixedPointState;
}

export interface BinnedAuc extends Estimate {
  /** The exact AUC lies within +- this of the binned one: half of the pairs that share a bin. */
  readonly binningError: number;
}

export interface CalibrationBin {
  readonly rows: number;
  readonly meanScore: number;
  readonly positiveShare: number;
}

const scoreUnit = 2 ** 24;
/** Log-loss is taken at a score no closer to 0 and 1 than this, so that one sure mistake stays finite (34.5 nats). */
const surest = 1e-15;

/**
 * Scores in [0, 1] by label on fixed equal bins (1,000 unless told), with exact running sums of log-loss and Brier
 * score. One row may be added late, corrected or taken back; tables merge and subtract exactly and in any order, so
 * every metric of a window is a function of the sum of its panes.
 */
export class ScoreLabelTable {
  readonly bins: number;
  readonly #positives: Float64Array;
  readonly #negatives: Float64Array;
  readonly #scoreSums: Float64Array;
  readonly #logLoss = new FixedPointSum();
  readonly #brier = new FixedPointSum();

  constructor({ bins = 1_000 }: { readonly bins?: number } = {}) {
    if (!Number.isSafeInteger(bins) || bins < 1 || bins > 100_000)
      throw invalid('bins', 'must be an integer from 1 to 100000', { bins });
    this.bins = bins;
    this.#positives = new Float64Array(bins);
    this.#negatives = new Float64Array(bins);
    this.#scoreSums = new Float64Array(bins);
  }

  static of(
    scores: ArrayLike<number>,
    labels: ArrayLike<BinaryLabel>,
    options: { readonly bins?: number } = {},
  ): ScoreLabelTable {
    const table = new ScoreLabelTable(options);
    for (let row = 0; row < scores.length; row++)
      table.add(scores[row] as number, labels[row] as BinaryLabel);
    return table;
  }

  static fromJSON(state: unknown): ScoreLabelTable {
    const fields = stateObject(state, 'table');
    const table = new ScoreLabelTable({ bins: stateCount(fields['bins'], 'table.bins') });
    stateArray(fields['cells'], 'table.cells').forEach((cell, at) => {
      const field = `table.cells[${at}]`;
      const [bin = -1, negatives = 0, positives = 0, scores = 0] = stateCounts(cell, field);
      if (bin < 0 || bin >= table.bins) throw invalid(`${field}[0]`, 'must be a bin of the table');
      table.#negatives[bin] = negatives;
      table.#positives[bin] = positives;
      table.#scoreSums[bin] = scores;
    });
    table.#logLoss.merge(FixedPointSum.fromJSON(fields['logLoss'], 'table.logLoss'));
    table.#brier.merge(FixedPointSum.fromJSON(fields['brier'], 'table.brier'));
    return table;
  }

  get positives(): number {
    return sumOf(this.#positives);
  }

  get negatives(): number {
    return sumOf(this.#negatives);
  }

  get rows(): number {
    return this.positives + this.negatives;
  }

  add(score: number, label: BinaryLabel): void {
    this.#apply(score, label, 1);
  }

  /** Takes back exactly what `add(score, label)` added. */
  remove(score: number, label: BinaryLabel): void {
    this.#apply(score, label, -1);
  }

  merge(other: ScoreLabelTable): this {
    return this.#combine(other, 1);
  }

  subtract(other: ScoreLabelTable): this {
    return this.#combine(other, -1);
  }

  clone(): ScoreLabelTable {
    return new ScoreLabelTable({ bins: this.bins }).merge(this);
  }

  /** Counts per bin, lowest score first. */
  groups(): ScoreGroups {
    return {
      scores: Float64Array.from({ length: this.bins }, (_, bin) => bin / this.bins),
      positives: this.#positives.slice(),
      negatives: this.#negatives.slice(),
      totalPositives: this.positives,
      totalNegatives: this.negatives,
    };
  }

  /** Binned AUC with DeLong's interval, and how far binning can be off. */
  auc(options: IntervalOptions = {}): BinnedAuc | Undefined {
    const estimate = groupedAuc(this.groups(), options);
    if (estimate.kind === 'undefined') return estimate;
    let shared = 0;
    for (let bin = 0; bin < this.bins; bin++)
      shared += (this.#positives[bin] as number) * (this.#negatives[bin] as number);
    return { ...estimate, binningError: shared / 2 / this.positives / this.negatives };
  }

  /** Average precision over the bins. */
  averagePrecision(): Measured {
    return groupedAveragePrecision(this.groups());
  }

  /** Largest distance between the score distributions of the two classes. */
  kolmogorovSmirnov(): Measured {
    return groupedKolmogorovSmirnov(this.groups());
  }

  /** Mean natural-log loss per row, exact (not binned); scores are kept 1e-15 away from 0 and 1. */
  logLoss(): Measured {
    return this.rows > 0 ? valueOf(this.#logLoss.value / this.rows) : undefinedBecause('no rows');
  }

  /** Mean squared error of the score per row, exact (not binned). */
  brier(): Measured {
    return this.rows > 0 ? valueOf(this.#brier.value / this.rows) : undefinedBecause('no rows');
  }

  /** Cells when score >= threshold is predicted positive. The threshold must be a border of the bins (k / bins). */
  confusionAt(threshold: number): Confusion {
    const from = Math.round(threshold * this.bins);
    if (!(Math.abs(from / this.bins - threshold) < 1e-9) || from < 0 || from > this.bins)
      throw invalid('threshold', 'must be a border of the bins', { threshold, bins: this.bins });
    const truePositives = sumOf(this.#positives.subarray(from));
    const falsePositives = sumOf(this.#negatives.subarray(from));
    return {
      truePositives,
      falsePositives,
      falseNegatives: this.positives - truePositives,
      trueNegatives: this.negatives - falsePositives,
    };
  }

  /** The reliability diagram on `groups` equal score ranges (must divide the bins); empty ranges are left out. */
  calibration(groups = 10): CalibrationBin[] {
    if (!Number.isSafeInteger(groups) || groups < 1 || this.bins % groups !== 0)
      throw invalid('groups', 'must divide the number of bins', { groups, bins: this.bins });
    const width = this.bins / groups;
    const diagram: CalibrationBin[] = [];
    for (let from = 0; from < this.bins; from += width) {
      const positives = sumOf(this.#positives.subarray(from, from + width));
      const rows = positives + sumOf(this.#negatives.subarray(from, from + width));
      const scores = sumOf(this.#scoreSums.subarray(from, from + width)) / scoreUnit;
      if (rows > 0)
        diagram.push({ rows, meanScore: scores / rows, positiveShare: positives / rows });
    }
    return diagram;
  }

  /** Expected calibration error: mean over rows of |mean score - share of positives| of their range. */
  calibrationError(groups = 10): Measured {
    const { rows } = this;
    if (rows === 0) return undefinedBecause('no rows');
    const gaps = this.calibration(groups).map(
      (bin) => (bin.rows / rows) * Math.abs(bin.meanScore - bin.positiveShare),
    );
    return valueOf(gaps.reduce((sum, gap) => sum + gap, 0));
  }

  /** What the confusion cells would be, were every score a true probability: quality without labels (CBPE). */
  expectedConfusionAt(threshold: number): Confusion {
    this.confusionAt(threshold);
    const from = Math.round(threshold * this.bins);
    const rows = (bin: number) =>
      (this.#positives[bin] as number) + (this.#negatives[bin] as number);
    return expectedConfusion(
      Array.from({ length: this.bins }, (_, bin) => ({
        rows: rows(bin),
        scoreSum: (this.#scoreSums[bin] as number) / scoreUnit,
        predicted: bin >= from,
      })),
    );
  }

  toJSON(): ScoreLabelState {
    const cells: [number, number, number, number][] = [];
    for (let bin = 0; bin < this.bins; bin++) {
      const negatives = this.#negatives[bin] as number;
      const positives = this.#positives[bin] as number;
      if (negatives !== 0 || positives !== 0)
        cells.push([bin, negatives, positives, this.#scoreSums[bin] as number]);
    }
    return { bins: this.bins, cells, logLoss: this.#logLoss.toJSON(), brier: this.#brier.toJSON() };
  }

  #apply(score: number, label: BinaryLabel, sign: 1 | -1): void {
    const bin = this.#binOf(score);
    const positive = isPositive(label);
    const cells = positive ? this.#positives : this.#negatives;
    cells[bin] = (cells[bin] as number) + sign;
    this.#scoreSums[bin] = (this.#scoreSums[bin] as number) + sign * Math.round(score * scoreUnit);
    const losses = [
      [this.#logLoss, logLossOf(score, positive)],
      [this.#brier, (score - (positive ? 1 : 0)) ** 2],
    ] as const;
    for (const [sum, loss] of losses)
      if (sign > 0) sum.add(loss);
      else sum.remove(loss);
  }

  #binOf(score: number): number {
    if (!(score >= 0 && score <= 1)) throw invalid('score', 'must be from 0 to 1', { score });
    const bin = Math.min(this.bins - 1, Math.floor(score * this.bins));
    // Multiplying may round across a border: the border k / bins itself decides, as in confusionAt.
    if (score < bin / this.bins) return bin - 1;
    return bin + 1 < this.bins && score >= (bin + 1) / this.bins ? bin + 1 : bin;
  }

  #combine(other: ScoreLabelTable, sign: 1 | -1): this {
    if (other.bins !== this.bins) throw invalid('bins', 'must be the same in both tables');
    for (const [mine, theirs] of [
      [this.#positives, other.#positives],
      [this.#negatives, other.#negatives],
      [this.#scoreSums, other.#scoreSums],
    ] as const)
      for (let bin = 0; bin < this.bins; bin++)
        mine[bin] = (mine[bin] as number) + sign * (theirs[bin] as number);
    if (sign > 0) {
      this.#logLoss.merge(other.#logLoss);
      this.#brier.merge(other.#brier);
    } else {
      this.#logLoss.subtract(other.#logLoss);
      this.#brier.subtract(other.#brier);
    }
    return this;
  }
}

/** Natural-log loss of one score against its label, finite because the score is kept 1e-15 away from 0 and 1. */
export function logLossOf(score: number, label: BinaryLabel): number {
  const share = Math.min(1 - surest, Math.max(surest, score));
  return isPositive(label) ? -Math.log(share) : -Math.log1p(-share);
}

/** Squared error of one score against its label. */
export function brierOf(score: number, label: BinaryLabel): number {
  return (score - (isPositive(label) ? 1 : 0)) ** 2;
}

function sumOf(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}
