import { invalid } from '@flywheel/core';
import { cramersV, jensenShannonDebiased, psi, psiDebiased } from '../distances/divergence.ts';
import { wassersteinNullMean, wassersteinOnHistograms } from '../distances/wasserstein.ts';
import { homogeneityTest, poolNeighbours, poolRare, sum } from '../hypothesis/count-tests.ts';
import type { PooledCounts } from '../hypothesis/count-tests.ts';
import { chiSquareTail } from '../special/distributions.ts';
import { requireSameCategories } from '../summaries/category-counts.ts';
import type { CategoryCounts } from '../summaries/category-counts.ts';
import { requireSameEdges } from '../summaries/frozen-histogram.ts';
import type { FrozenHistogram } from '../summaries/frozen-histogram.ts';
import type { Moments } from '../summaries/moments.ts';
import { testAlpha } from './false-alarm-budget.ts';
import type { FalseAlarmBudget } from './false-alarm-budget.ts';
import { shareSignal } from './share-signal.ts';
import type { ShareSignal } from './share-signal.ts';

export type DriftMeasure = 'psi' | 'w1' | 'cramers-v';

export interface DriftOptions {
  readonly budget: FalseAlarmBudget;
  /** Practical minimum of the effect; below it nothing is drift, however sure the test. 0.1 unless told. */
  readonly minimumEffect?: number;
  /** Effect that is held against the minimum: for numbers psi (default), w1 or cramers-v; for categories cramers-v (default) or psi. */
  readonly measure?: DriftMeasure;
  /** Values either side needs for a verdict, 30 unless told. */
  readonly minimumRows?: number;
  /** About how many columns the test uses for numbers, 20 unless told: few columns find a shift with fewer rows. */
  readonly columns?: number;
  /** Smallest change of a share (missing, non-finite, unseen) worth a signal, 0.01 unless told. */
  readonly minimumShareChange?: number;
  /** Lag-1 correlation r of the rows, 0 unless told: n rows then weigh like n(1 - r) / (1 + r). */
  readonly autocorrelation?: number;
}

export interface NumericDrift extends DriftOptions {
  readonly reference: FrozenHistogram;
  readonly current: FrozenHistogram;
  /** With them W1 also sees a shift inside the bins (it is at least the difference of the means). */
  readonly referenceMoments?: Moments;
  readonly currentMoments?: Moments;
}

export interface CategoryDrift extends DriftOptions {
  readonly reference: CategoryCounts;
  readonly current: CategoryCounts;
}

/** Effects with their value under no drift taken off, at least 0; undefined where one does not exist. */
export interface DriftEffects {
  readonly psi: number | undefined;
  /** Jensen-Shannon divergence, nats. */
  readonly jensenShannon: number | undefined;
  readonly cramersV: number | undefined;
  /** Wasserstein-1 in interquartile ranges of the reference (in its full range where that is 0). Numbers only. */
  readonly w1: number | undefined;
  /** The same in the feature's unit and with nothing taken off. */
  readonly rawW1: number | undefined;
}

export interface DriftResult {
  readonly verdict: 'drifted' | 'not-drifted' | 'insufficient-data' | 'cannot-compute';
  /** One constant phrase. */
  readonly reason: string;
  readonly measure: DriftMeasure;
  /** The measure's value: what was held against the minimum. */
  readonly effect: number | undefined;
  readonly minimumEffect: number;
  readonly effects: DriftEffects;
  /** Chi-square homogeneity test on pooled columns. */
  readonly pValue: number | undefined;
  /** Level of this test, derived from the budget (three tests per feature: distribution and two shares). */
  readonly alpha: number;
  /** Columns the test used after pooling. */
  readonly columns: number;
  /** Finite values (numbers) or known categories compared. */
  readonly referenceRows: number;
  readonly currentRows: number;
  readonly nulls: ShareSignal;
  /** NaN and infinities; for categories always 0 and steady. */
  readonly nonFinite: ShareSignal;
  /** Categories the reference, whose list was complete, never saw; for numbers always 0 and steady. */
  readonly unseen: ShareSignal;
}

const testsPerFeature = 3;
const noEffects: DriftEffects = {
  psi: undefined,
  jensenShannon: undefined,
  cramersV: undefined,
  w1: undefined,
  rawW1: undefined,
};

/**
 * Did a feature drift? Only if the effect, its bias under no drift removed, reaches a practical minimum AND a homogeneity
 * test rejects at a level derived from the false-alarm budget. Missing, non-finite and unseen values are signals of
 * their own and never hidden in the distribution; what cannot be computed is said, never shown as 0. Persistence over
 * panes is `observePersistence`.
 */
export function decideDrift(question: NumericDrift | CategoryDrift): DriftResult {
  return 'edges' in question.reference
    ? decideNumeric(question as NumericDrift)
    : decideCategory(question as CategoryDrift);
}

function decideNumeric(question: NumericDrift): DriftResult {
  const { reference, current, columns = 20 } = question;
  requireSameEdges(reference, current);
  const measure = question.measure ?? 'psi';
  const frame = frameOf(question, {
    measure,
    referenceRows: reference.finite,
    currentRows: current.finite,
    nonFinite: [reference.nonFinite, current.nonFinite],
    unseen: [0, 0],
  });
  const early = withoutValues(frame, question);
  if (early !== undefined) return early;
  const pooled = poolNeighbours(reference.finiteCounts(), current.finiteCounts(), {
    minimumShare: 0.8 / columns,
  });
  const effects = { ...countEffects(pooled), ...distances(question) };
  return judge(frame, effects, pooled, question);
}

function decideCategory(question: CategoryDrift): DriftResult {
  const { reference, current } = question;
  requireSameCategories(reference, current);
  const measure = question.measure ?? 'cramers-v';
  if (measure === 'w1') throw invalid('measure', 'must be cramers-v or psi for categories');
  // With a complete list, others are news of their own; otherwise they are one more category.
  const complete = reference.other === 0;
  const before = complete ? [...reference.counts] : [...reference.counts, reference.other];
  const now = complete ? [...current.counts] : [...current.counts, current.other];
  const frame = frameOf(question, {
    measure,
    referenceRows: sum(before),
    currentRows: sum(now),
    nonFinite: [0, 0],
    unseen: complete && reference.present > 0 ? [0, current.other] : [0, 0],
  });
  const early = withoutValues(frame, question);
  if (early !== undefined) return early;
  const pooled = poolRare(before, now);
  return judge(frame, { ...noEffects, ...countEffects(pooled) }, pooled, question);
}

type Frame = Omit<DriftResult, 'verdict' | 'reason'>;

function frameOf(
  question: NumericDrift | CategoryDrift,
  given: {
    readonly measure: DriftMeasure;
    readonly referenceRows: number;
    readonly currentRows: number;
    readonly nonFinite: readonly [number, number];
    readonly unseen: readonly [number, number];
  },
): Frame {
  const { reference, current, budget, minimumEffect = 0.1, minimumShareChange = 0.01 } = question;
  const alpha = testAlpha(budget, testsPerFeature);
  const signal = (before: number, now: number) =>
    shareSignal(
      { count: before, rows: reference.total },
      { count: now, rows: current.total },
      { alpha, minimumChange: minimumShareChange },
    );
  return {
    measure: given.measure,
    effect: undefined,
    minimumEffect,
    effects: noEffects,
    pValue: undefined,
    alpha,
    columns: 0,
    referenceRows: given.referenceRows,
    currentRows: given.currentRows,
    nulls: signal(reference.nulls, current.nulls),
    nonFinite: signal(...given.nonFinite),
    unseen: signal(...given.unseen),
  };
}

function withoutValues(frame: Frame, { minimumRows = 30 }: DriftOptions): DriftResult | undefined {
  const refused = (verdict: DriftResult['verdict'], reason: string) => ({
    ...frame,
    verdict,
    reason,
  });
  if (frame.referenceRows === 0) return refused('cannot-compute', 'the reference has no values');
  if (frame.currentRows === 0) return refused('cannot-compute', 'the current window has no values');
  if (frame.referenceRows < minimumRows)
    return refused('insufficient-data', 'the reference has too few values');
  if (frame.currentRows < minimumRows)
    return refused('insufficient-data', 'the current window has too few values');
  return undefined;
}

function judge(
  frame: Frame,
  effects: DriftEffects,
  pooled: PooledCounts,
  { autocorrelation = 0 }: DriftOptions,
): DriftResult {
  if (!(autocorrelation >= 0 && autocorrelation < 1))
    throw invalid('autocorrelation', 'must be from 0 to below 1', { autocorrelation });
  const test = homogeneityTest(pooled.first, pooled.second);
  const weight = (1 - autocorrelation) / (1 + autocorrelation);
  const pValue = weight === 1 ? test.pValue : chiSquareTail(test.statistic * weight, test.df);
  const effect = effectOf(effects, frame.measure);
  const found = { ...frame, effects, effect, pValue, columns: test.columns };
  if (effect === undefined)
    return { ...found, verdict: 'cannot-compute', reason: 'the measure does not exist here' };
  if (effect < frame.minimumEffect)
    return { ...found, verdict: 'not-drifted', reason: 'the effect is below the minimum' };
  if (pValue > frame.alpha)
    return { ...found, verdict: 'not-drifted', reason: 'the test does not reject' };
  return { ...found, verdict: 'drifted', reason: 'the effect is large and not chance' };
}

function effectOf(effects: DriftEffects, measure: DriftMeasure): number | undefined {
  if (measure === 'psi') return effects.psi;
  return measure === 'w1' ? effects.w1 : effects.cramersV;
}

function countEffects({ first, second }: PooledCounts): DriftEffects {
  const v = cramersV(first, second);
  return {
    ...noEffects,
    psi: Math.max(0, first.length < 2 ? psi(first, second) : psiDebiased(first, second)),
    jensenShannon: Math.max(0, jensenShannonDebiased(first, second)),
    // One column on both sides: they are the same.
    cramersV: v.kind === 'value' ? v.value : first.length < 2 ? 0 : undefined,
  };
}

function distances(question: NumericDrift): Pick<DriftEffects, 'w1' | 'rawW1'> {
  const { reference, current, referenceMoments, currentMoments } = question;
  const binned = wassersteinOnHistograms(reference, current);
  const noise = wassersteinNullMean(reference, reference.finite, current.finite);
  if (binned === undefined || noise === undefined) return { w1: undefined, rawW1: undefined };
  const shift = Math.abs((referenceMoments?.mean ?? 0) - (currentMoments?.mean ?? 0));
  const known = referenceMoments?.mean !== undefined && currentMoments?.mean !== undefined;
  const rawW1 = Math.max(binned, known ? shift : 0);
  return { rawW1, w1: Math.max(0, rawW1 - noise) / spreadOf(reference) };
}

function spreadOf(reference: FrozenHistogram): number {
  const quartiles = (reference.quantile(0.75) ?? 0) - (reference.quantile(0.25) ?? 0);
  const [low = 0] = reference.edges;
  const high = reference.edges[reference.edges.length - 1] ?? 1;
  return quartiles > 0 ? quartiles : high - low;
}
