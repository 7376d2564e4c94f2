import { describe, expect, it } from 'vitest';
import { bestTrial, compareValues, type Trial } from './trial.ts';

const trials = [0.9, NaN, 0.5, Infinity].map((value, number): Trial => ({
  number,
  state: 'complete',
  params: {},
  value,
}));

describe('ranking of trials', () => {
  it('NaN is worst in both directions and never best', () => {
    expect(bestTrial(trials.slice(0, 3), 'maximize')?.number).toBe(0);
    expect(bestTrial(trials.slice(0, 3), 'minimize')?.number).toBe(2);
    expect(bestTrial(trials.slice(1, 2), 'maximize')).toBeUndefined();
    for (const direction of ['minimize', 'maximize'] as const)
      expect([NaN, 1, NaN, 2].toSorted(compareValues(direction)).slice(2)).toEqual([NaN, NaN]);
  });

  it('infinity is never best when minimising', () => {
    expect(bestTrial(trials, 'minimize')?.number).toBe(2);
  });

  it('the earliest of equals is best, and only complete trials are', () => {
    const equal = [3, 1, 2].map((number): Trial => ({ ...trials[0]!, number }));

    expect(bestTrial(equal, 'minimize')?.number).toBe(1);
    expect(bestTrial([{ ...trials[0]!, state: 'pruned' }], 'minimize')).toBeUndefined();
  });
});
