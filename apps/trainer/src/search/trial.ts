import type { Direction } from '../algorithms/early-stopping.ts';
import type { Assignment } from './search-space.ts';

export type TrialState = 'running' | 'complete' | 'pruned' | 'failed';

export type Report = { readonly step: number; readonly value: number };

/** One evaluation of a study. `value` is the final value of a complete trial; reports are in order of their steps. */
export type Trial = {
  readonly number: number;
  readonly state: TrialState;
  readonly params: Assignment;
  readonly value?: number | undefined;
  readonly reports?: readonly Report[];
};

/** What a study was started with. */
export type Study<Space> = {
  readonly seed: number;
  readonly space: Space;
  readonly direction: Direction;
};

/** Orders values from best to worst; NaN is worst in both directions. */
export function compareValues(direction: Direction): (left: number, right: number) => number {
  const sign = direction === 'minimize' ? 1 : -1;
  return (left, right) => {
    if (Number.isNaN(left) || Number.isNaN(right))
      return Number(Number.isNaN(left)) - Number(Number.isNaN(right));
    return left === right ? 0 : left < right ? -sign : sign;
  };
}

/** The complete trial with the best value, the earliest of equals; never one whose value is NaN. */
export function bestTrial(trials: readonly Trial[], direction: Direction): Trial | undefined {
  const compare = compareValues(direction);
  return trials
    .filter(({ state, value }) => state === 'complete' && !Number.isNaN(value ?? NaN))
    .sort((a, b) => compare(a.value as number, b.value as number) || a.number - b.number)[0];
}

/**
 * Finished trials from best to worst: complete ones by value, then pruned ones, those that came further first and
 * then by their last value. Equals keep the order of their numbers.
 */
export function rankTrials(trials: readonly Trial[], direction: Direction): Trial[] {
  const compare = compareValues(direction);
  const complete = trials.filter(({ state }) => state === 'complete');
  const pruned = trials.filter(({ state }) => state === 'pruned');
  complete.sort((a, b) => compare(a.value ?? NaN, b.value ?? NaN) || a.number - b.number);
  pruned.sort((a, b) => {
    const [left, right] = [a.reports?.at(-1), b.reports?.at(-1)];
    return (
      (right?.step ?? -Infinity) - (left?.step ?? -Infinity) ||
      compare(left?.value ?? NaN, right?.value ?? NaN) ||
      a.number - b.number
    );
  });
  return [...complete, ...pruned];
}
