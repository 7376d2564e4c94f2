import type { Direction } from '../algorithms/early-stopping.ts';
import { compareValues, type Report, type Trial } from './trial.ts';

export type MedianPrunerOptions = {
  /** Complete trials needed before anything is pruned. */
  readonly startupTrials: number;
  /** Reports before this step never prune. */
  readonly warmupSteps: number;
  /** Only the first report inside each interval of this many steps is judged. */
  readonly intervalSteps: number;
  /** Complete trials that must have a value at the step. */
  readonly minTrials: number;
};

export const medianPrunerDefaults: MedianPrunerOptions = Object.freeze({
  startupTrials: 5,
  warmupSteps: 0,
  intervalSteps: 1,
  minTrials: 1,
});

/**
 * Whether a trial should stop after its latest report: its best value so far is worse than the median of what complete
 * trials reported at exactly this step. A trial that has reported nothing but NaN stops.
 */
export function isPrunedByMedian(
  reports: readonly Report[],
  others: readonly Trial[],
  direction: Direction,
  options: MedianPrunerOptions = medianPrunerDefaults,
): boolean {
  const complete = others.filter(({ state }) => state === 'complete');
  const step = reports.at(-1)?.step;
  if (step === undefined || complete.length < options.startupTrials) return false;
  if (step < options.warmupSteps || !isFirstInInterval(reports, options)) return false;
  const compare = compareValues(direction);
  const best = reports.map(({ value }) => value).sort(compare)[0] as number;
  if (Number.isNaN(best)) return true;
  const rivals = complete.flatMap(({ reports: theirs = [] }) =>
    theirs
      .filter((report) => report.step === step && !Number.isNaN(report.value))
      .map(({ value }) => value),
  );
  if (rivals.length < options.minTrials || rivals.length === 0) return false;
  return compare(best, medianOf(rivals)) > 0;
}

function isFirstInInterval(
  reports: readonly Report[],
  { warmupSteps, intervalSteps }: MedianPrunerOptions,
): boolean {
  const intervalOf = (step: number) => Math.floor((step - warmupSteps) / intervalSteps);
  const [previous, latest] = [reports.at(-2), reports.at(-1)];
  return !previous || !latest || intervalOf(previous.step) < intervalOf(latest.step);
}

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return Number.isInteger(middle)
    ? ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
    : (sorted[Math.floor(middle)] as number);
}
