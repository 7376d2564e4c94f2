import { describe, expect, it } from 'vitest';
import { randomAt } from '../random/counter-random.ts';
import { PoissonBootstrap } from './poisson-bootstrap.ts';
import { clopperPearson, newcombe, normalInterval, wilson } from './proportion.ts';

describe('intervals of a proportion', () => {
  it.each([
    [0, 50, 0, 0.07134759913335874],
    [45, 50, 0.7863976856252034, 0.9565242350681095],
  ])('Wilson %d of %d', (successes, trials, low, high) => {
    const interval = wilson(successes, trials);

    expect(interval.low).toBeCloseTo(low, 10);
    expect(interval.high).toBeCloseTo(high, 10);
  });

  it.each([
    [0, 50, 0, 0.07112173646419767],
    [45, 50, 0.7818646335657977, 0.9667249064109775],
    [3, 10, 0.06673951117773447, 0.6524528500599973],
    [10, 10, 0.6915028921812392, 1],
  ])('Clopper-Pearson %d of %d', (successes, trials, low, high) => {
    const interval = clopperPearson(successes, trials);

    expect(interval.low).toBeCloseTo(low, 10);
    expect(interval.high).toBeCloseTo(high, 10);
  });

  it('Newcombe gives the published intervals of a difference', () => {
    // Newcombe 1998, table II: 56/70 - 48/80 and 9/10 - 3/10, method 10.
    const first = newcombe({ successes: 48, trials: 80 }, { successes: 56, trials: 70 });
    const second = newcombe({ successes: 3, trials: 10 }, { successes: 9, trials: 10 });

    expect(first).toMatchObject({
      difference: expect.closeTo(0.2, 12) as number,
      low: expect.closeTo(0.05243147240236498, 9) as number,
      high: expect.closeTo(0.33387265403690614, 9) as number,
    });
    expect(second).toMatchObject({
      low: expect.closeTo(0.1705227239345029, 9) as number,
      high: expect.closeTo(0.809017973535488, 9) as number,
    });
  });

  it('knows nothing without trials and refuses nonsense', () => {
    expect(wilson(0, 0)).toEqual({ low: 0, high: 1 });
    expect(clopperPearson(0, 0)).toEqual({ low: 0, high: 1 });
    expect(() => wilson(3, 2)).toThrow('successes');
    expect(() => wilson(1, 2, { confidence: 1 })).toThrow('confidence');
  });
});

describe('normal interval', () => {
  it('stays finite at the tiny levels of a sequential test', () => {
    const { low, high } = normalInterval(0.2, 0.1, 1.6e-6);

    expect(high - 0.2).toBeCloseTo(0.48, 2);
    expect(low).toBeCloseTo(-0.28, 2);
    expect(Number.isFinite(normalInterval(0.2, 0.1, 1e-300).high)).toBe(true);
  });
});

describe('Poisson bootstrap', () => {
  const rows = Array.from({ length: 2_000 }, (_, at) => ({
    id: `prediction-${at}`,
    hit: randomAt(8, at) < 0.3 ? 1 : 0,
  }));
  const of = (part: typeof rows) => {
    const bootstrap = new PoissonBootstrap({ sums: 2 });
    for (const { id, hit } of part) bootstrap.add(id, [hit, 1]);
    return bootstrap;
  };
  const share = ([hits, all]: readonly number[]) => hits! / all!;

  it('agrees with the interval theory gives a proportion', () => {
    const hits = rows.filter((row) => row.hit === 1).length;
    const expected = wilson(hits, rows.length);
    const found = of(rows).interval(share)!;

    expect(found.low).toBeCloseTo(expected.low, 2);
    expect(found.high).toBeCloseTo(expected.high, 2);
  });

  it('depends on the ids alone: order, merging and corrections change nothing', () => {
    const whole = of(rows).toJSON();
    const merged = of(rows.slice(700)).merge(of(rows.slice(0, 700)));
    const corrected = of(rows);
    corrected.add('late', [1, 1]);
    corrected.remove('late', [1, 1]);

    expect(merged.toJSON()).toEqual(whole);
    expect(corrected.toJSON()).toEqual(whole);
    expect(PoissonBootstrap.fromJSON(JSON.parse(JSON.stringify(whole))).toJSON()).toEqual(whole);
    expect(
      of(rows)
        .subtract(of(rows.slice(700)))
        .toJSON(),
    ).toEqual(of(rows.slice(0, 700)).toJSON());
  });

  it('gives no interval where the metric is mostly undefined', () => {
    const bootstrap = new PoissonBootstrap({ sums: 1, replicas: 20 });

    expect(bootstrap.interval(([sum]) => (sum! > 0 ? 1 : undefined))).toBeUndefined();
    expect(() => {
      bootstrap.add('a', [1, 2]);
    }).toThrow('contributions');
  });
});
