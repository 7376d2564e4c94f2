import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CategoryCounts } from '../summaries/category-counts.ts';
import { quantileEdges } from '../summaries/edges.ts';
import { FrozenHistogram } from '../summaries/frozen-histogram.ts';
import { Moments } from '../summaries/moments.ts';
import { randomAt } from '../random/counter-random.ts';
import { normals } from '../testing.ts';
import { decideDrift } from './decide-drift.ts';
import type { DriftOptions } from './decide-drift.ts';
import { testAlpha } from './false-alarm-budget.ts';
import type { FalseAlarmBudget } from './false-alarm-budget.ts';
import { scoreOutlier } from './outlier.ts';
import { observePersistence } from './persistence.ts';
import type { PersistenceState } from './persistence.ts';

const budget: FalseAlarmBudget = {
  falseAlarmsPerMonth: 1,
  featuresChecked: 30,
  checksPerMonth: 720,
};
type Value = number | null | undefined;

const numeric = (reference: Value[], current: Value[], options: Partial<DriftOptions> = {}) => {
  const edges = quantileEdges(reference, 100);
  const finite = (values: Value[]) =>
    values.filter((value): value is number => typeof value === 'number' && Number.isFinite(value));
  return decideDrift({
    reference: FrozenHistogram.of(edges, reference),
    current: FrozenHistogram.of(edges, current),
    referenceMoments: Moments.of(finite(reference)),
    currentMoments: Moments.of(finite(current)),
    budget,
    ...options,
  });
};
const yesNo = (yes: number, no: number) =>
  CategoryCounts.fromJSON({ categories: ['no', 'yes'], counts: [no, yes], other: 0, nulls: 0 });
const repeat = <T>(value: T, times: number) => new Array<T>(times).fill(value);

describe('the level of a test', () => {
  it('follows from the budget: 30 features, hourly, one false alarm a month', () => {
    expect(testAlpha(budget)).toBeCloseTo(4.6e-5, 6);
    expect(testAlpha(budget, 3)).toBeCloseTo(4.63e-5 / 3, 7);
    expect(() => testAlpha({ ...budget, featuresChecked: 0 })).toThrow('featuresChecked');
  });
});

describe('a drifted feature', () => {
  it('is found by whichever measure decides', () => {
    const reference = normals(1, 5_000);
    const current = normals(2, 1_000, { mean: 0.8 });

    for (const measure of ['psi', 'w1', 'cramers-v'] as const)
      expect(numeric(reference, current, { measure })).toMatchObject({
        verdict: 'drifted',
        measure,
      });
    expect(numeric(reference, current).pValue).toBeLessThan(1e-20);
  });

  it('is found where all values left the range of the reference', () => {
    expect(numeric(repeat(5, 1_000), repeat(9, 100)).verdict).toBe('drifted');
    expect(numeric(normals(1, 1_000), repeat(100, 50)).verdict).toBe('drifted');
  });

  it('is found in categories', () => {
    const result = decideDrift({ reference: yesNo(400, 600), current: yesNo(350, 150), budget });

    expect(result).toMatchObject({ verdict: 'drifted', measure: 'cramers-v' });
  });
});

describe('a feature that did not drift', () => {
  it('raises nothing because a sample is large', () => {
    const large = { reference: yesNo(500_000, 500_000), current: yesNo(502_000, 498_000), budget };
    const small = { reference: yesNo(500, 500), current: yesNo(502, 498), budget };
    const found = decideDrift({ ...large, measure: 'psi' });

    expect(found.pValue).toBeCloseTo(0.0047, 4);
    expect(found.effect).toBeLessThan(1.7e-5);
    for (const measure of ['psi', 'cramers-v'] as const) {
      expect(decideDrift({ ...large, measure }).verdict).toBe('not-drifted');
      expect(decideDrift({ ...small, measure }).verdict).toBe('not-drifted');
    }
  });

  it('of equal shares has p = 1 whatever the totals', () => {
    expect(
      decideDrift({ reference: yesNo(40, 160), current: yesNo(10, 40), budget }),
    ).toMatchObject({
      verdict: 'not-drifted',
      pValue: 1,
      effect: 0,
    });
  });

  it('stays a number with few distinct values', () => {
    const reference = [0, 0.5, 1].flatMap((value) => repeat(value, 100));
    const result = numeric(
      reference,
      reference.map((value) => value + 0.0001),
    );

    expect(result.verdict).toBe('not-drifted');
    expect(result.effects.rawW1).toBeCloseTo(0.0001, 6);
  });

  it('may be constant', () => {
    expect(numeric(repeat(5, 1_000), repeat(5, 100))).toMatchObject({
      verdict: 'not-drifted',
      effect: 0,
      pValue: 1,
    });
  });
});

describe('what cannot be computed is said', () => {
  const values = Array.from({ length: 5 }, (_, at) => at + 1).flatMap((value) =>
    repeat(value, 1_000),
  );

  it('an all-null window: no drift verdict, but the missing values raise their own signal', () => {
    const result = numeric(values, repeat(null, 50));

    expect(result).toMatchObject({
      verdict: 'cannot-compute',
      reason: 'the current window has no values',
      effect: undefined,
      pValue: undefined,
      nulls: { referenceShare: 0, currentShare: 1, change: 'surge' },
    });
  });

  it('an all-null reference likewise', () => {
    const result = numeric(repeat(null, 5_000), repeat(1, 50));

    expect(result).toMatchObject({
      verdict: 'cannot-compute',
      reason: 'the reference has no values',
      nulls: { referenceShare: 1, currentShare: 0, change: 'drop' },
    });
  });

  it('a healthy column beside it gets its verdict from the same fifty rows', () => {
    const fifty = Array.from({ length: 50 }, (_, at) => (at % 5) + 1);

    expect(numeric(values, fifty).verdict).toBe('not-drifted');
  });

  it('eight rows are not enough', () => {
    expect(numeric(values, values.slice(0, 8))).toMatchObject({ verdict: 'insufficient-data' });
    expect(numeric([0, 1, 2, 3], [1, 2, Infinity, -Infinity])).toMatchObject({
      verdict: 'insufficient-data',
      nonFinite: { currentCount: 2, currentShare: 0.5 },
    });
  });

  it('no rows at all', () => {
    expect(decideDrift({ reference: yesNo(0, 0), current: yesNo(0, 0), budget })).toMatchObject({
      verdict: 'cannot-compute',
      nulls: { change: 'steady', pValue: 1 },
    });
  });
});

describe('signals of their own', () => {
  it('a surge of infinite values beside unchanged finite ones', () => {
    const reference = normals(1, 2_000);
    const current = [...normals(2, 400), ...repeat(Infinity, 40), ...repeat(NaN, 40)];

    expect(numeric(reference, current)).toMatchObject({
      verdict: 'not-drifted',
      nonFinite: { currentCount: 80, change: 'surge' },
      nulls: { change: 'steady' },
    });
  });

  it('a category the reference never saw is news, not drift of the known ones', () => {
    const current = CategoryCounts.of(
      ['no', 'yes'],
      [...repeat('yes', 40), ...repeat('no', 160), ...repeat('maybe', 20)],
    );

    expect(decideDrift({ reference: yesNo(400, 1_600), current, budget })).toMatchObject({
      verdict: 'not-drifted',
      unseen: { currentCount: 20, change: 'surge' },
    });
  });

  it('rare categories that were never listed are one more category', () => {
    const reference = CategoryCounts.of(['a'], [...repeat('a', 900), ...repeat('x', 100)]);
    const current = CategoryCounts.of(['a'], [...repeat('a', 300), ...repeat('y', 700)]);

    expect(decideDrift({ reference, current, budget })).toMatchObject({
      verdict: 'drifted',
      unseen: { change: 'steady' },
    });
  });
});

describe('the decision', () => {
  it('never depends on the order in which panes were merged', () => {
    const reference = normals(1, 1_000);
    const edges = quantileEdges(reference, 50);
    const frozen = FrozenHistogram.of(edges, reference);
    const panes = [1, 2, 3].map((seed) => FrozenHistogram.of(edges, normals(seed + 10, 200)));
    const [first, second, third] = panes as [FrozenHistogram, FrozenHistogram, FrozenHistogram];

    expect(
      decideDrift({ reference: frozen, current: first.clone().merge(second).merge(third), budget }),
    ).toEqual(
      decideDrift({ reference: frozen, current: third.clone().merge(first).merge(second), budget }),
    );
  });

  it('is total: any counts get one of four verdicts and finite numbers', () => {
    const count = fc.oneof(fc.constant(0), fc.nat(30), fc.nat(100_000));
    const counts = fc.array(count, { minLength: 4, maxLength: 4 });
    const histogram = ([a = 0, b = 0, c = 0, nulls = 0]: number[]) =>
      FrozenHistogram.fromJSON({
        edges: [0, 1, 2],
        counts: [a, b],
        under: 0,
        over: c,
        nulls,
        nan: 0,
        negativeInfinity: 0,
        positiveInfinity: 0,
      });

    fc.assert(
      fc.property(counts, counts, fc.constantFrom('psi', 'w1', 'cramers-v'), (x, y, measure) => {
        const result = decideDrift({
          reference: histogram(x),
          current: histogram(y),
          budget,
          measure: measure,
        });

        for (const number of [result.effect ?? 0, result.pValue ?? 0, result.nulls.pValue])
          expect(Number.isFinite(number)).toBe(true);
        if (result.verdict === 'drifted') {
          expect(result.effect).toBeGreaterThanOrEqual(result.minimumEffect);
          expect(result.pValue).toBeLessThanOrEqual(result.alpha);
        }
      }),
    );
  });

  it('gives correlated rows less weight', () => {
    const [reference, current] = [normals(1, 2_000), normals(2, 500, { mean: 0.15 })];
    const plain = numeric(reference, current).pValue!;
    const correlated = numeric(reference, current, { autocorrelation: 0.5 }).pValue!;

    expect(correlated).toBeGreaterThan(plain);
    expect(() => numeric(reference, current, { autocorrelation: 1 })).toThrow('autocorrelation');
  });

  it('refuses a distance categories do not have, and other edges', () => {
    expect(() =>
      decideDrift({ reference: yesNo(1, 1), current: yesNo(1, 1), budget, measure: 'w1' }),
    ).toThrow('measure');
    expect(() =>
      decideDrift({
        reference: new FrozenHistogram([0, 1]),
        current: new FrozenHistogram([0, 2]),
        budget,
      }),
    ).toThrow('edges');
  });
});

describe('false alarms stay within the budget', () => {
  // A multinomial sample on 20 equally likely bins, as quantile edges give them.
  const drawn = (seed: number, size: number) => {
    const counts = new Array<number>(20).fill(0);
    for (let at = 0; at < size; at++) counts[Math.floor(randomAt(seed, at) * 20)]! += 1;
    return FrozenHistogram.fromJSON({
      edges: Array.from({ length: 21 }, (_, at) => at / 20),
      counts,
      under: 0,
      over: 0,
      nulls: 0,
      nan: 0,
      negativeInfinity: 0,
      positiveInfinity: 0,
    });
  };

  it.each([50, 200, 1_000])('with windows of %d rows and no minimum effect at all', (rows) => {
    // 600 checks may raise 60 alarms: 5 % per test after the split over three tests is exceeded by none of them.
    const checks = rows > 500 ? 300 : 600;
    const loose = {
      falseAlarmsPerMonth: 0.15 * checks,
      featuresChecked: 1,
      checksPerMonth: checks,
    };
    let alarms = 0;
    for (let check = 0; check < checks; check++) {
      const result = decideDrift({
        reference: drawn(2 * check, 1_000),
        current: drawn(2 * check + 1, rows),
        budget: loose,
        minimumEffect: 0,
      });
      if (result.verdict === 'drifted') alarms += 1;
    }

    expect(alarms / checks).toBeLessThanOrEqual(0.05 + 3.1 * Math.sqrt((0.05 * 0.95) / checks));
  });

  it('a month of thirty features every hour raises no alarm, and half a sigma is seen at once', () => {
    const reference = drawn(1, 5_000);
    let alarms = 0;
    for (let check = 0; check < 2_000; check++)
      if (
        decideDrift({ reference, current: drawn(check + 100, 200), budget }).verdict === 'drifted'
      )
        alarms += 1;
    const sample = normals(7, 5_000);
    const seen = [8, 9, 10, 11, 12].map(
      (seed) => numeric(sample, normals(seed, 500, { mean: 0.5 })).verdict,
    );

    expect(alarms).toBe(0);
    expect(seen).toEqual(repeat('drifted', 5));
  });
});

describe('persistence', () => {
  it('alarms at k of the last r panes, and silence changes nothing', () => {
    const rule = { k: 2, r: 3 };
    const seen: boolean[] = [];
    let state: PersistenceState = [];
    for (const drifted of [true, undefined, false, true, undefined, false, false, true]) {
      const observed = observePersistence(state, drifted, rule);
      state = observed.state;
      seen.push(observed.alarm);
    }

    expect(seen).toEqual([false, false, false, true, true, false, false, false]);
    expect(state).toEqual([false, false, true]);
    expect(() => observePersistence([], true, { k: 3, r: 2 })).toThrow('r');
  });
});

describe('outlier score', () => {
  const flat = { median: 5, interquartileRange: 0 };

  it('says that a reference without spread has none', () => {
    expect(scoreOutlier(5, flat)).toMatchObject({ outlier: false });
    expect(scoreOutlier(9, flat)).toMatchObject({
      outlier: true,
      reason: 'no spread in reference',
    });
    expect(scoreOutlier(null, flat)).toMatchObject({ outlier: false, reason: 'missing' });
  });

  it('counts standard deviations of a normal otherwise', () => {
    const normal = { median: 0, interquartileRange: 1.3489795003921634 };

    expect(scoreOutlier(6, normal)).toMatchObject({
      outlier: true,
      score: { value: expect.closeTo(6, 9) as number },
    });
    expect(scoreOutlier(4, normal).outlier).toBe(false);
    expect(scoreOutlier(Infinity, normal)).toMatchObject({ outlier: true, reason: 'not finite' });
  });
});
