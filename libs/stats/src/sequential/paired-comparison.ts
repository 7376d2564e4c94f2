import { invalid } from '@flywheel/core';
import type { Interval } from '../intervals/proportion.ts';
import { FixedPointSum } from '../summaries/fixed-point-sum.ts';
import type { FixedPointState } from '../summaries/fixed-point-sum.ts';
import { stateCount, stateObject } from '../summaries/state.ts';
import { discordantEvidence } from './discordant-evidence.ts';
import { meanSequence } from './mean-sequence.ts';
import type { SequenceTuning } from './mean-sequence.ts';

/** Both models' losses and hits on one request with its label. Smaller losses are better. */
export interface LossPair {
  readonly lossChampion: number;
  readonly lossCandidate: number;
  readonly correctChampion: boolean;
  readonly correctCandidate: boolean;
}

export type PairedVerdict =
  'candidate-better' | 'champion-better' | 'non-inferior' | 'inconclusive';

export interface PairedDecision extends SequenceTuning {
  /** Chance of any wrong verdict between equal models over all looks together, 0.05 unless told. */
  readonly alpha?: number;
  /**
   * How much worse the candidate may be and still count as non-inferior: in units of the loss (decided by loss) or as a
   * share of requests (decided by correctness). Without a margin nothing is called non-inferior.
   */
  readonly margin?: number;
  /** What decides: the mean loss (default), or which model is right more often. */
  readonly decideBy?: 'loss' | 'correctness';
  /** The interval of a mean is asymptotic: below so many pairs it decides nothing. 200 unless told. */
  readonly minimumPairs?: number;
}

export interface PairedSummary {
  readonly pairs: number;
  readonly bothCorrect: number;
  /** Pairs only the champion got right (b). */
  readonly championOnly: number;
  /** Pairs only the candidate got right (c). */
  readonly candidateOnly: number;
  readonly bothWrong: number;
  /** Two-sided e-value of the discordant pairs against "right equally often". */
  readonly eValue: number;
  readonly logEValue: number;
  /** One-sided, against "the candidate is right no more often than the champion". */
  readonly candidateEValue: number;
  readonly championEValue: number;
  /** Mean of lossChampion - lossCandidate: above 0 favours the candidate; undefined without pairs. */
  readonly meanDifference: number | undefined;
  /** Confidence sequence of that mean: may be looked at any time. undefined without pairs or without spread. */
  readonly interval: Interval | undefined;
  /** Accuracy of the candidate less that of the champion, and its confidence sequence. */
  readonly accuracyDifference: number | undefined;
  readonly accuracyInterval: Interval | undefined;
  readonly meanLossChampion: number | undefined;
  readonly meanLossCandidate: number | undefined;
  readonly verdict: PairedVerdict;
  /** Why the verdict is what it is, in one constant phrase. */
  readonly reason: string;
}

export interface PairedState {
  readonly bothCorrect: number;
  readonly championOnly: number;
  readonly candidateOnly: number;
  readonly bothWrong: number;
  readonly championLoss: FixedPointState;
  readonly candidateLoss: FixedPointState;
  readonly squares: FixedPointState;
}

/** Its square is well within what an exact sum takes. */
const largestLoss = 2 ** 70;
const cells = ['bothCorrect', 'championOnly', 'candidateOnly', 'bothWrong'] as const;
const sums = ['championLoss', 'candidateLoss', 'squares'] as const;

/**
 * Champion and candidate on the same requests, watched for as long as one likes. The state is counts and exact sums:
 * pairs may arrive late, in any order, be corrected (`remove`, then `add`), merged from panes or subtracted, and the
 * same pairs always give the same bytes.
 */
export class PairedComparison {
  readonly #cells = { bothCorrect: 0, championOnly: 0, candidateOnly: 0, bothWrong: 0 };
  readonly #sums = {
    championLoss: new FixedPointSum(),
    candidateLoss: new FixedPointSum(),
    squares: new FixedPointSum(),
  };

  static fromJSON(state: unknown): PairedComparison {
    const fields = stateObject(state, 'comparison');
    const comparison = new PairedComparison();
    for (const name of cells)
      comparison.#cells[name] = stateCount(fields[name], `comparison.${name}`);
    for (const name of sums)
      comparison.#sums[name].merge(FixedPointSum.fromJSON(fields[name], `comparison.${name}`));
    return comparison;
  }

  get pairs(): number {
    const { bothCorrect, championOnly, candidateOnly, bothWrong } = this.#cells;
    return bothCorrect + championOnly + candidateOnly + bothWrong;
  }

  add(pair: LossPair): void {
    this.#apply(pair, 1);
  }

  /** Takes back exactly what `add(pair)` added: a corrected label is `remove(old)` and `add(new)`. */
  remove(pair: LossPair): void {
    this.#apply(pair, -1);
  }

  merge(other: PairedComparison): this {
    for (const name of cells) this.#cells[name] += other.#cells[name];
    for (const name of sums) this.#sums[name].merge(other.#sums[name]);
    return this;
  }

  subtract(other: PairedComparison): this {
    for (const name of cells) this.#cells[name] -= other.#cells[name];
    for (const name of sums) this.#sums[name].subtract(other.#sums[name]);
    return this;
  }

  clone(): PairedComparison {
    return new PairedComparison().merge(this);
  }

  /**
   * Evidence and verdict as they stand. Loss: the confidence sequence excludes 0 (better), or -margin (non-inferior).
   * Correctness: the two-sided e-value reaches 1 / alpha (better), or the accuracy's sequence excludes -margin.
   * A candidate proven to be worse by less than the margin is non-inferior.
   */
  summary(decision: PairedDecision = {}): PairedSummary {
    const { alpha = 0.05, margin } = decision;
    if (margin !== undefined && !(margin >= 0))
      throw invalid('margin', 'must be at least 0', { margin });
    const pairs = this.pairs;
    const { championOnly, candidateOnly } = this.#cells;
    const evidence = discordantEvidence(championOnly, candidateOnly);
    const loss = this.#loss(alpha, decision);
    const accuracy = this.#accuracy(alpha, decision);
    const facts = {
      pairs,
      ...this.#cells,
      eValue: evidence.eValue,
      logEValue: evidence.logEValue,
      candidateEValue: evidence.candidateEValue,
      championEValue: evidence.championEValue,
      meanDifference: loss?.mean,
      interval: loss?.interval,
      accuracyDifference: accuracy?.mean,
      accuracyInterval: accuracy?.interval,
      meanLossChampion: pairs > 0 ? this.#sums.championLoss.value / pairs : undefined,
      meanLossCandidate: pairs > 0 ? this.#sums.candidateLoss.value / pairs : undefined,
    };
    return { ...facts, ...decide(facts, decision, alpha) };
  }

  toJSON(): PairedState {
    return {
      ...this.#cells,
      championLoss: this.#sums.championLoss.toJSON(),
      candidateLoss: this.#sums.candidateLoss.toJSON(),
      squares: this.#sums.squares.toJSON(),
    };
  }

  #apply(pair: LossPair, sign: 1 | -1): void {
    const { lossChampion, lossCandidate, correctChampion, correctCandidate } = pair;
    for (const name of ['lossChampion', 'lossCandidate'] as const)
      if (!(Math.abs(pair[name]) <= largestLoss))
        throw invalid(name, 'must be finite and at most 2^70 in size', { value: pair[name] });
    this.#cells[cellOf(correctChampion, correctCandidate)] += sign;
    const parts = {
      championLoss: lossChampion,
      candidateLoss: lossCandidate,
      squares: (lossChampion - lossCandidate) ** 2,
    };
    for (const name of sums)
      if (sign > 0) this.#sums[name].add(parts[name]);
      else this.#sums[name].remove(parts[name]);
  }

  #loss(alpha: number, tuning: SequenceTuning): MeanAndInterval | undefined {
    const n = this.pairs;
    if (n === 0) return undefined;
    const difference = this.#sums.championLoss.clone().subtract(this.#sums.candidateLoss).value;
    const mean = difference / n;
    const squares = this.#sums.squares.value;
    const variance = n < 2 ? 0 : (squares - n * mean * mean) / (n - 1);
    // Rounding leaves a little where the true spread is none.
    if (!(variance > 1e-14 * (squares / n))) return { mean, interval: undefined };
    return {
      mean,
      interval: meanSequence({ n, mean, standardDeviation: Math.sqrt(variance) }, alpha, tuning),
    };
  }

  #accuracy(alpha: number, tuning: SequenceTuning): MeanAndInterval | undefined {
    const n = this.pairs;
    if (n === 0) return undefined;
    const { championOnly, candidateOnly } = this.#cells;
    const mean = (candidateOnly - championOnly) / n;
    // One more discordant pair than seen: agreement so far is not proof of agreement for ever.
    const variance = (championOnly + candidateOnly + 1) / n - mean * mean;
    return {
      mean,
      interval: meanSequence({ n, mean, standardDeviation: Math.sqrt(variance) }, alpha, tuning),
    };
  }
}

interface MeanAndInterval {
  readonly mean: number;
  readonly interval: Interval | undefined;
}

function cellOf(champion: boolean, candidate: boolean): (typeof cells)[number] {
  if (champion) return candidate ? 'bothCorrect' : 'championOnly';
  return candidate ? 'candidateOnly' : 'bothWrong';
}

function decide(
  facts: Omit<PairedSummary, 'verdict' | 'reason'>,
  { decideBy = 'loss', margin, minimumPairs = 200 }: PairedDecision,
  alpha: number,
): { verdict: PairedVerdict; reason: string } {
  const byLoss = decideBy === 'loss';
  const trusted = facts.pairs >= minimumPairs;
  const interval = byLoss ? facts.interval : facts.accuracyInterval;
  const known = trusted && interval !== undefined;
  const proven = facts.logEValue >= -Math.log(alpha);
  const ahead = facts.candidateOnly > facts.championOnly;
  if (byLoss ? known && interval.low > 0 : proven && ahead)
    return { verdict: 'candidate-better', reason: 'evidence reached the level' };
  if (known && margin !== undefined && interval.low > -margin)
    return { verdict: 'non-inferior', reason: 'worse than the margin is excluded' };
  if (byLoss ? known && interval.high < 0 : proven)
    return { verdict: 'champion-better', reason: 'evidence reached the level' };
  if (!trusted) return { verdict: 'inconclusive', reason: 'too few pairs' };
  if (!known) return { verdict: 'inconclusive', reason: 'no spread' };
  return { verdict: 'inconclusive', reason: 'evidence has not reached the level' };
}
