import { invalid } from '@flywheel/core';
import type { Direction } from '../algorithms/early-stopping.ts';
import { compareValues } from './trial.ts';

export type AshaOptions = {
  readonly direction: Direction;
  /** One trial in this many passes each rung. */
  readonly reduction: number;
  /** Step of the first rung; rung k stands at minResource * reduction^(k + earlyStoppingRate). */
  readonly minResource: number;
  readonly earlyStoppingRate: number;
  /** A rung that holds no more values than this lets nobody pass. */
  readonly bootstrapCount: number;
};

export const ashaDefaults = Object.freeze({
  reduction: 4,
  minResource: 1,
  earlyStoppingRate: 0,
  bootstrapCount: 0,
});

/** Values recorded per rung, and how many rungs each trial has entered. Plain data: it may be stored and read back. */
export type AshaState = {
  readonly rungs: readonly (readonly number[])[];
  readonly rungsOf: Readonly<Record<number, number>>;
};

export const emptyAshaState: AshaState = Object.freeze({ rungs: [], rungsOf: {} });

export type AshaReport = { readonly trial: number; readonly step: number; readonly value: number };

/**
 * Asynchronous successive halving, stopping variant: the state after a report, and whether its trial stops. A report
 * enters every rung it has reached; it passes a rung if no worse than the best floor(m / reduction) of the m values
 * there (at least the best one). NaN stops. Folding the log of reports gives the state again after a restart.
 */
export function reportToAsha(
  options: AshaOptions,
  state: AshaState,
  { trial, step, value }: AshaReport,
): { readonly state: AshaState; readonly isPruned: boolean } {
  checkOptions(options);
  const rungs = state.rungs.map((values) => [...values]);
  let rung = state.rungsOf[trial] ?? 0;
  let isPruned = false;
  while (!isPruned && step >= rungStep(options, rung)) {
    if (Number.isNaN(value)) {
      isPruned = true;
      break;
    }
    const values = (rungs[rung] ??= []);
    values.push(value);
    isPruned = !passes(options, values, value);
    rung++;
  }
  return { state: { rungs, rungsOf: { ...state.rungsOf, [trial]: rung } }, isPruned };
}

function rungStep(
  { minResource, reduction, earlyStoppingRate }: AshaOptions,
  rung: number,
): number {
  let step = minResource;
  for (let k = 0; k < rung + earlyStoppingRate; k++) step *= reduction;
  return step;
}

function passes(options: AshaOptions, values: readonly number[], value: number): boolean {
  if (values.length <= options.bootstrapCount) return false;
  const compare = compareValues(options.direction);
  const index = Math.max(Math.floor(values.length / options.reduction) - 1, 0);
  return compare(value, values.toSorted(compare)[index] as number) <= 0;
}

function checkOptions({ reduction, minResource, earlyStoppingRate, bootstrapCount }: AshaOptions) {
  if (!Number.isInteger(reduction) || reduction < 2)
    throw invalid('pruner.reduction', 'must be an integer of at least 2');
  if (!(minResource > 0)) throw invalid('pruner.minResource', 'must be above 0');
  if (!Number.isInteger(earlyStoppingRate) || earlyStoppingRate < 0)
    throw invalid('pruner.earlyStoppingRate', 'must be an integer of at least 0');
  if (!Number.isInteger(bootstrapCount) || bootstrapCount < 0)
    throw invalid('pruner.bootstrapCount', 'must be an integer of at least 0');
}
