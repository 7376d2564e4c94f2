import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normalCdf, normalMass, truncatedNormalQuantile } from './normal-distribution.ts';

/** From published tables of the normal distribution. */
const table = [
  [0, 0.5],
  [1, 0.8413447460685429],
  [1.96, 0.9750021048517795],
  [-1, 0.15865525393145705],
  [-3, 0.0013498980316300933],
  [-3.03125, 0.0012177],
  [-5, 2.866515718791939e-7],
  [-8, 6.220960574271784e-16],
  [-10, 7.619853024160525e-24],
  [-20, 2.7536241186062337e-89],
] as const;

describe('normal distribution', () => {
  it.each(table)('P(Z <= %d) is %d', (x, expected) => {
    expect(Math.abs(normalCdf(x) / expected - 1)).toBeLessThan(x === -3.03125 ? 2e-4 : 1e-12);
  });

  it('the mass between two points keeps its digits in both tails', () => {
    expect(normalMass(-Infinity, Infinity)).toBe(1);
    expect(normalMass(8, 9) / normalMass(-9, -8)).toBe(1);
    expect(normalMass(8, 9) / 6.22096057427178e-16).toBeCloseTo(1, 3);
  });

  it('the quantile of a truncated normal inverts its mass', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        fc.double({ min: -20, max: 0, noNaN: true }),
        fc.double({ min: 0.1, max: 20, noNaN: true }),
        (draw, low, high) => {
          const x = truncatedNormalQuantile(draw, low, high);
          expect(x).toBeGreaterThanOrEqual(low);
          expect(x).toBeLessThanOrEqual(high);
          expect(normalMass(low, x) / normalMass(low, high)).toBeCloseTo(draw, 9);
        },
      ),
    );
  });
});
