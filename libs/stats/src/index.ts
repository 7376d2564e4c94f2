export { hash64, hashUniform } from './random/hash64.ts';
export { normalAt, poissonAt, randomAt, randomBitsAt } from './random/counter-random.ts';
export type { Seed } from './random/counter-random.ts';
export { word64ToHex } from './random/word64.ts';
export type { Word64 } from './random/word64.ts';
export { normalCdf, normalQuantile } from './special/normal.ts';

export { CategoryCounts, topCategories } from './summaries/category-counts.ts';
export type { CategoryState } from './summaries/category-counts.ts';
export { DDSketch } from './summaries/dd-sketch.ts';
export type { DDSketchState } from './summaries/dd-sketch.ts';
export { quantileEdges, uniformEdges } from './summaries/edges.ts';
export { FixedPointSum } from './summaries/fixed-point-sum.ts';
export type { FixedPointState } from './summaries/fixed-point-sum.ts';
export { FrozenHistogram } from './summaries/frozen-histogram.ts';
export type { HistogramState } from './summaries/frozen-histogram.ts';
export { Moments, momentsByUnit } from './summaries/moments.ts';
export type { MomentsState } from './summaries/moments.ts';
export { ValueRange } from './summaries/value-range.ts';

export { pairedAuc, rocAuc } from './quality/auc.ts';
export type { IntervalOptions, PairedAuc } from './quality/auc.ts';
export { confusionMetrics, confusionOf } from './quality/confusion.ts';
export type { Confusion, ConfusionMetrics } from './quality/confusion.ts';
export { expectedAuc, expectedConfusion } from './quality/estimated-quality.ts';
export type { ScoredRows } from './quality/estimated-quality.ts';
export type { Estimate, Measured, Undefined, UndefinedReason, Value } from './quality/measured.ts';
export { averagePrecision, bestThreshold } from './quality/ranking.ts';
export type { BestThreshold } from './quality/ranking.ts';
export { RegressionErrors } from './quality/regression-errors.ts';
export type { RegressionState } from './quality/regression-errors.ts';
export type { BinaryLabel } from './quality/score-groups.ts';
export { brierOf, logLossOf, ScoreLabelTable } from './quality/score-label-table.ts';
export type { BinnedAuc, CalibrationBin, ScoreLabelState } from './quality/score-label-table.ts';

export { PoissonBootstrap } from './intervals/poisson-bootstrap.ts';
export type { BootstrapState } from './intervals/poisson-bootstrap.ts';
export { clopperPearson, newcombe, normalInterval, wilson } from './intervals/proportion.ts';
export type { Confidence, Interval } from './intervals/proportion.ts';

export {
  goodnessOfFit,
  homogeneityTest,
  poolNeighbours,
  poolRare,
} from './hypothesis/count-tests.ts';
export type {
  CountTest,
  CountTestOptions,
  NeighbourPooling,
  PooledCounts,
} from './hypothesis/count-tests.ts';
export { fisherExact } from './hypothesis/fisher.ts';
export { ksLimitPValue, ksTest, ksTestOnCounts } from './hypothesis/kolmogorov-smirnov.ts';
export type { KolmogorovSmirnov, KsMethod } from './hypothesis/kolmogorov-smirnov.ts';
export { mannWhitney } from './hypothesis/mann-whitney.ts';
export type { MannWhitney, MannWhitneyOptions } from './hypothesis/mann-whitney.ts';
export { mcnemar } from './hypothesis/mcnemar.ts';
export type { McNemar } from './hypothesis/mcnemar.ts';
export { adjustPValues } from './hypothesis/multiple-testing.ts';
export type { Correction } from './hypothesis/multiple-testing.ts';
export { tTest } from './hypothesis/t-test.ts';
export type { TTest } from './hypothesis/t-test.ts';

export {
  cramersV,
  hellinger,
  jensenShannon,
  jensenShannonDebiased,
  kullbackLeibler,
  largestDifference,
  psi,
  psiDebiased,
  psiNullMean,
  psiNullQuantile,
  totalVariation,
} from './distances/divergence.ts';
export type { Smoothing } from './distances/divergence.ts';
export {
  wasserstein,
  wassersteinNullMean,
  wassersteinOnHistograms,
} from './distances/wasserstein.ts';

export { BoundedMeanSequence } from './sequential/bounded-mean.ts';
export type { BoundedMeanState } from './sequential/bounded-mean.ts';
export { discordantEvidence } from './sequential/discordant-evidence.ts';
export type { DiscordantEvidence } from './sequential/discordant-evidence.ts';
export {
  forecastPairedTest,
  forecastSequentialPairs,
  forecastUnpairedTest,
} from './sequential/forecast.ts';
export type { PairedPlan } from './sequential/forecast.ts';
export { meanSequence, sequenceHalfWidth } from './sequential/mean-sequence.ts';
export type { SequenceTuning } from './sequential/mean-sequence.ts';
export { PairedComparison } from './sequential/paired-comparison.ts';
export type {
  LossPair,
  PairedDecision,
  PairedState,
  PairedSummary,
  PairedVerdict,
} from './sequential/paired-comparison.ts';
export { sampleRatio } from './sequential/sample-ratio.ts';
export type { SampleRatioEvidence, SampleRatioOptions } from './sequential/sample-ratio.ts';

export { decideDrift } from './drift/decide-drift.ts';
export type {
  CategoryDrift,
  DriftEffects,
  DriftMeasure,
  DriftOptions,
  DriftResult,
  NumericDrift,
} from './drift/decide-drift.ts';
export { testAlpha } from './drift/false-alarm-budget.ts';
export type { FalseAlarmBudget } from './drift/false-alarm-budget.ts';
export { scoreOutlier } from './drift/outlier.ts';
export type { OutlierReference, OutlierScore } from './drift/outlier.ts';
export { observePersistence } from './drift/persistence.ts';
export type { PersistenceRule, PersistenceState } from './drift/persistence.ts';
export type { ShareCount, ShareSignal } from './drift/share-signal.ts';

export { groupGaps } from './fairness/group-gaps.ts';
export type { Gap, GroupGaps, GroupRow } from './fairness/group-gaps.ts';
