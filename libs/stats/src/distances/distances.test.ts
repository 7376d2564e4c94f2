import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { quantileEdges, uniformEdges } from '../summaries/edges.ts';
import { FrozenHistogram } from '../summaries/frozen-histogram.ts';
import type { Measured } from '../quality/measured.ts';
import { normals, uniforms } from '../testing.ts';
import {
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
} from './divergence.ts';
import { wasserstein, wassersteinNullMean, wassersteinOnHistograms } from './wasserstein.ts';

const r = [16, 18, 16, 14, 12, 12];
const c = [16, 16, 16, 16, 16, 8];
const a = [38.7, 41.5, 43.8, 44.5, 45.5, 46.0, 47.7, 58.0];
const b = [39.2, 39.3, 39.7, 41.4, 41.8, 42.9, 43.3, 45.8];

const valueIn = (measured: Measured) => {
  if (measured.kind === 'undefined') throw new Error(measured.reason);
  return measured.value;
};

describe('distances of counts have their known values', () => {
  it('on two rows of six categories', () => {
    expect(psi(r, c, { smoothing: 0 })).toBeCloseTo(0.0372184, 7);
    expect(psi(r, c)).toBeCloseTo(0.03451012126325888, 12);
    expect(Math.sqrt(jensenShannon(r, c))).toBeCloseTo(0.0680482, 7);
    expect(Math.sqrt(jensenShannon(r, c) / Math.LN2)).toBeCloseTo(0.0817342, 7);
    expect(kullbackLeibler(r, c)).toBeCloseTo(0.0189097, 7);
    expect(hellinger(r, c)).toBeCloseTo(0.0681277, 7);
    expect(totalVariation(r, c)).toBeCloseTo(0.0681818, 7);
    expect(largestDifference(r, c)).toBeCloseTo(0.0454545, 7);
    expect(largestDifference([2, 2, 2, 0], [2, 2, 2, 1])).toBeCloseTo(0.142857, 6);
  });

  it.each([
    [[200, 800], [400, 600], 0.21],
    [[200, 800, 0], [400, 600, 100], 0.3],
    [[100, 0], [0, 100], 1],
  ])('bias-corrected V of %j and %j', (first, second, expected) => {
    const v = cramersV(first, second);

    // The source asserts these to +- 0.01.
    expect(Math.abs(valueIn(v) - expected)).toBeLessThan(0.01);
  });

  it('V does not exist for one column', () => {
    expect(cramersV([5, 0], [5, 0])).toEqual({ kind: 'undefined', reason: 'no spread' });
    expect(cramersV([5], [0])).toEqual({ kind: 'undefined', reason: 'no rows' });
  });

  it('infinite only where it must be', () => {
    expect(kullbackLeibler([1, 1], [2, 0])).toBe(Infinity);
    expect(psi([10, 10], [20, 0])).toBeLessThan(5);
    expect(jensenShannon([1, 0], [0, 1])).toBeCloseTo(Math.LN2, 12);
    expect(() => hellinger([0], [1])).toThrow('reference');
  });
});

describe('PSI without drift', () => {
  it('has the published noise', () => {
    expect(psiNullMean(10, 200, 200)).toBeCloseTo(0.09, 12);
    expect(psiNullQuantile(0.95, 10, 200, 200)).toBeCloseTo(0.169, 3);
    expect(psiNullQuantile(0.95, 10, 1_000, 1_000)).toBeCloseTo(0.034, 3);
    expect(psiNullQuantile(0.95, 10, 10_000, 10_000)).toBeCloseTo(0.0034, 4);
    expect(psiNullQuantile(0.95, 20, 200, 200)).toBeCloseTo(0.301, 3);
  });

  it('and the noise, taken off, leaves about nothing', () => {
    const counts = (seed: number, size: number) => {
      const bins = new Array<number>(10).fill(0);
      for (const draw of uniforms(seed, size)) bins[Math.floor(draw * 10)]! += 1;
      return bins;
    };
    const runs = Array.from({ length: 300 }, (_, run) => [
      counts(run, 200),
      counts(run + 900, 300),
    ]);
    const mean = (of: (p: number[], q: number[]) => number) =>
      runs.reduce((sum, [p, q]) => sum + of(p!, q!), 0) / runs.length;

    expect(mean(psi)).toBeGreaterThan(0.06);
    expect(Math.abs(mean(psiDebiased))).toBeLessThan(0.01);
    expect(Math.abs(mean(jensenShannonDebiased))).toBeLessThan(0.001);
  });
});

describe('Wasserstein distance', () => {
  it('has its known values', () => {
    expect(wasserstein(a, b)).toBeCloseTo(4.1625, 10);
    expect(wasserstein([0, 1, 3], [5, 6, 8])).toBeCloseTo(5, 12);
    expect(wasserstein([0, 0.5, 1], [0.0001, 0.5001, 1.0001])).toBeCloseTo(0.0001, 12);
  });

  it('is the shift for a shifted sample', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -1_000, max: 1_000 }), { minLength: 1 }),
        fc.integer({ min: -50, max: 50 }),
        (values, by) => {
          expect(
            wasserstein(
              values,
              values.map((value) => value + by),
            ),
          ).toBeCloseTo(Math.abs(by), 8);
        },
      ),
    );
  });

  it('on histograms comes close to the exact one', () => {
    const reference = normals(1, 4_000);
    const current = normals(2, 4_000, { mean: 0.4, deviation: 1.3 });
    const edges = quantileEdges([...reference, ...current], 200);
    const binned = wassersteinOnHistograms(
      FrozenHistogram.of(edges, reference),
      FrozenHistogram.of(edges, current),
    );

    expect(Math.abs(binned! - wasserstein(reference, current))).toBeLessThan(0.02);
  });

  it('of no values does not exist', () => {
    expect(
      wassersteinOnHistograms(new FrozenHistogram([0, 1]), new FrozenHistogram([0, 1])),
    ).toBeUndefined();
    expect(() => wasserstein([], [1])).toThrow('first');
    expect(() => wasserstein([1], [Infinity])).toThrow('finite');
  });

  it('without drift is 1.288 sigma sqrt(1/n + 1/m) for a normal', () => {
    const reference = FrozenHistogram.of(uniformEdges(-6, 6, 600), normals(3, 50_000));
    const noise = wassersteinNullMean(reference, 1_001, 100)!;

    expect(noise / Math.sqrt(1 / 1_001 + 1 / 100)).toBeCloseTo(1.288, 1);
    expect(noise).toBeCloseTo(0.135, 2);
  });
});
