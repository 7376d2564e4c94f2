import { describe, expect, it } from 'vitest';
import {
  ashaDefaults,
  emptyAshaState,
  reportToAsha,
  type AshaOptions,
  type AshaReport,
  type AshaState,
} from './asha-pruner.ts';
import { isPrunedByMedian, medianPrunerDefaults } from './median-pruner.ts';
import type { Report, Trial } from './trial.ts';

const reportsOf = (values: readonly number[]): Report[] =>
  values.map((value, index) => ({ step: index + 1, value }));
const complete = (number: number, values: readonly number[]): Trial => ({
  number,
  state: 'complete',
  params: {},
  value: values.at(-1),
  reports: reportsOf(values),
});

describe('median pruner', () => {
  const others = [1, 2, 3, 4, 5].map((value, number) => complete(number, [9, value]));
  const isPruned = (values: readonly number[], trials: readonly Trial[] = others) =>
    isPrunedByMedian(reportsOf(values), trials, 'minimize');

  it('stops a trial whose best so far is strictly worse than the median at this step', () => {
    expect(isPruned([9, 3.1])).toBe(true);
    expect(isPruned([9, 3])).toBe(false);
    expect(isPruned([2.9, 8])).toBe(false);
  });

  it('takes the middle of two, ignores NaN, and mirrors for maximising', () => {
    const four = [1, 2, 3, 4, NaN].map((value, number) => complete(number, [9, value]));
    expect(isPruned([9, 2.6], four)).toBe(true);
    expect(isPruned([9, 2.5], four)).toBe(false);
    const mirrored = others.map((trial) =>
      complete(
        trial.number,
        trial.reports!.map(({ value }) => -value),
      ),
    );
    expect(isPrunedByMedian(reportsOf([-9, -3.1]), mirrored, 'maximize')).toBe(true);
    expect(isPrunedByMedian(reportsOf([-9, -3]), mirrored, 'maximize')).toBe(false);
  });

  it('waits for five complete trials; running and pruned ones are not counted', () => {
    expect(isPruned([9, 99], others.slice(1))).toBe(false);
    const fourAndRunning = [...others.slice(1), { ...others[0]!, state: 'pruned' as const }];
    expect(isPruned([9, 99], fourAndRunning)).toBe(false);
  });

  it('a trial that reported nothing but NaN stops, one NaN does not matter', () => {
    expect(isPruned([NaN, NaN])).toBe(true);
    expect(isPruned([2, NaN])).toBe(false);
  });

  it('keeps a trial at a step that no other reported, during warm-up, and between intervals', () => {
    expect(isPruned([9, 9, 9])).toBe(false);
    const judged = (options: Partial<typeof medianPrunerDefaults>) =>
      isPrunedByMedian(reportsOf([9, 9]), others, 'minimize', {
        ...medianPrunerDefaults,
        ...options,
      });
    expect(judged({ warmupSteps: 3 })).toBe(false);
    expect(judged({ intervalSteps: 10 })).toBe(false);
    expect(judged({ intervalSteps: 2 })).toBe(true);
    expect(judged({ minTrials: 6 })).toBe(false);
  });
});

describe('asynchronous successive halving', () => {
  const options: AshaOptions = { ...ashaDefaults, direction: 'minimize', reduction: 3 };

  function run(reports: readonly AshaReport[], given = options, start: AshaState = emptyAshaState) {
    let state = start;
    const pruned: AshaReport[] = [];
    for (const report of reports) {
      if (pruned.some(({ trial }) => trial === report.trial)) continue;
      const decision = reportToAsha(given, state, report);
      state = decision.state;
      if (decision.isPruned) pruned.push(report);
    }
    return { state, pruned };
  }
  const at = (step: number, ...values: readonly number[]): AshaReport[] =>
    values.map((value, trial) => ({ trial, step, value }));

  it('the first trials pass only as the best so far, later ones among the best third', () => {
    const { pruned } = run(at(1, 5, 6, 4, 3, 3.5, 2, 2.5));

    // of six values two pass, so the seventh (second best) is not worse than the second
    expect(pruned.map(({ trial }) => trial)).toEqual([1, 4]);
  });

  it('one report climbs all rungs it has reached', () => {
    const { state } = run([{ trial: 0, step: 9, value: 1 }]);

    expect(state.rungs).toEqual([[1], [1], [1]]);
    expect(run([{ trial: 0, step: 10, value: 2 }], options, state).state.rungs).toEqual([
      [1],
      [1],
      [1],
    ]);
  });

  it.each(['minimize', 'maximize'] as const)(
    'NaN stops and never enters a rung: %s',
    (direction) => {
      const { pruned, state } = run(at(1, 0.9, NaN, 0.5), { ...options, direction });

      expect(pruned.map(({ trial }) => trial)).toContain(1);
      expect(state.rungs).toEqual([[0.9, 0.5]]);
      expect(pruned.some(({ trial }) => trial === 0)).toBe(false);
    },
  );

  it('keeps its memory over a restart: a stop in the middle prunes the same trials', () => {
    const steps = [1, 2, 3, 4, 5, 6, 7, 8, 9];
    const reports = Array.from({ length: 9 }, (_, trial) =>
      steps.map((step) => ({ trial, step, value: ((trial * 5) % 9) + 1 / step })),
    );
    const unbroken = run(reports.flat());

    const before = run(reports.slice(0, 4).flat());
    const stored = JSON.parse(JSON.stringify(before.state)) as AshaState;
    const after = run(reports.slice(4).flat(), options, stored);

    expect([...before.pruned, ...after.pruned]).toEqual(unbroken.pruned);
    expect(after.state).toEqual(unbroken.state);
    expect(unbroken.pruned.length).toBeGreaterThan(3);
  });

  it('a rung below its bootstrap count lets nobody pass, a later first rung waits', () => {
    expect(run(at(1, 5, 4, 3), { ...options, bootstrapCount: 2 }).pruned).toHaveLength(2);
    expect(run(at(2, 5, 6), { ...options, earlyStoppingRate: 1 }).pruned).toHaveLength(0);
    expect(run(at(3, 5, 6), { ...options, earlyStoppingRate: 1 }).pruned).toHaveLength(1);
  });

  it('options that make no sense are refused', () => {
    expect(() =>
      reportToAsha({ ...options, reduction: 1 }, emptyAshaState, { trial: 0, step: 1, value: 1 }),
    ).toThrow(expect.objectContaining({ code: 'invalid_argument' }) as Error);
  });
});
