import { describe, expect, it } from 'vitest';
import { betaQuantile, regularizedBeta } from './beta.ts';
import { chiSquareQuantile, chiSquareTail, studentTwoSided } from './distributions.ts';
import { logBeta, logChoose, logGamma, upperGamma } from './gamma.ts';
import { kolmogorovLimitTail, kolmogorovTail } from './kolmogorov.ts';
import { normalCdf, normalQuantile, normalTail, normalTailQuantile } from './normal.ts';

/** Expected values from SciPy 1.17.1. */
function agrees(value: number, expected: number, relative = 1e-11): void {
  expect(Math.abs(value - expected)).toBeLessThanOrEqual(
    relative * Math.max(1e-300, Math.abs(expected)),
  );
}

describe('special functions agree with an independent implementation', () => {
  it.each([
    [0.1, 2.252712651734206],
    [0.5, 0.5723649429247],
    [1.5, -0.12078223763524526],
    [9.9, 12.57717990421988],
    [123.4, 469.3360974421906],
    [1e6, 12815504.569147611],
  ])('logGamma(%d)', (x, expected) => agrees(logGamma(x), expected));

  it('logGamma(1) is 0', () => {
    expect(Math.abs(logGamma(1))).toBeLessThan(1e-14);
  });

  it.each([
    [0.5, 0.5, 1.1447298858494],
    [2, 1000, -13.816510558297 - 0.000000500001263],
    [20, 30, -33.968820791977386],
    [1e6, 1.1e6, -1453232.8916499782],
    [5, 1e7, -77.4124254244435],
  ])('logBeta(%d, %d)', (a, b, expected) => agrees(logBeta(a, b), expected, 1e-7));

  it('logBeta keeps its recurrence where the arguments are far apart', () => {
    const [a, b] = [0.3, 1e6];

    expect(Math.exp(logBeta(a, b + 1) - logBeta(a, b))).toBeCloseTo(b / (a + b), 12);
  });

  it('logChoose counts', () => {
    expect(Math.exp(logChoose(52, 5))).toBeCloseTo(2598960, 4);
    expect(logChoose(7, 0)).toBe(0);
  });

  it.each([
    [0.5, 5, 0.001565402258002549],
    [2.5, 2, 0.5494159513527802],
    [50, 90, 1.6494985017178526e-6],
    [500, 510, 0.3230633599111277],
    [1, 700, 9.85967654375939e-305],
  ])('upperGamma(%d, %d)', (a, x, expected) => agrees(upperGamma(a, x), expected));

  it.each([
    [0.1, 0.5, 0.5, 0.20483276469913345],
    [0.5, 20, 30, 0.923796114019261],
    [0.999, 50, 2, 0.9987659096068829],
    [0.01, 1, 100, 0.6339676587267705],
    [0.3, 2.5, 7, 0.6412224629717214],
    [0.5, 5e5, 5.01e5, 0.8412239420131462],
  ])('regularizedBeta(%d; %d, %d)', (x, a, b, expected) =>
    agrees(regularizedBeta(x, a, b), expected, 1e-10),
  );

  it.each([
    [0.025, 46, 5, 0.8076572164040372],
    [0.975, 1, 50, 0.07112173646419764],
    [0.5, 3, 4, 0.42140719069071303],
  ])('betaQuantile(%d; %d, %d)', (p, a, b, expected) => agrees(betaQuantile(p, a, b), expected));

  it.each([
    [-3, 0.9986501019683699],
    [0.3, 0.3820885778110474],
    [1.96, 0.024997895148220435],
    [10, 7.61985302416047e-24],
    [30, 4.906713927147908e-198],
  ])('normalTail(%d)', (z, expected) => agrees(normalTail(z), expected));

  it.each([
    [0.025, 1.9599639845400545],
    [0.9, -1.2815515655446004],
    [8e-7, 4.798322513298313],
    [1e-300, 37.0470962993612],
  ])('normalTailQuantile(%d)', (p, expected) => agrees(normalTailQuantile(p), expected));

  it('normalQuantile inverts normalCdf', () => {
    for (const z of [-6, -1, 0, 0.4, 3]) expect(normalQuantile(normalCdf(z))).toBeCloseTo(z, 9);
  });

  it.each([
    [3.17, 5, 0.673795630221719],
    [100, 3, 1.5541594313896026e-21],
    [0.01, 1, 0.920344325445942],
  ])('chiSquareTail(%d, %d)', (x, df, expected) => agrees(chiSquareTail(x, df), expected));

  it.each([
    [0.95, 9, 16.918977604620448],
    [0.95, 19, 30.14352720564616],
    [0.99999, 99, 170.79801405672478],
  ])('chiSquareQuantile(%d, %d)', (p, df, expected) => agrees(chiSquareQuantile(p, df), expected));

  it.each([
    [10, 3, 0.0021283990584141503],
    [0.1, 2.5, 0.9278065440624897],
  ])('studentTwoSided(%d, %d)', (t, df, expected) => agrees(studentTwoSided(t, df), expected));

  it.each([
    [0.2, 0.999999999999495],
    [0.5, 0.9639452436648751],
    [1.25, 0.08786641394169108],
    [3, 3.045995948942526e-8],
  ])('kolmogorovLimitTail(%d)', (x, expected) => agrees(kolmogorovLimitTail(x), expected));

  it.each([
    [0.625, 4, 0.04931640625, 1e-9],
    [0.3, 10, 0.27053557479999946, 1e-9],
    [0.1, 100, 0.2526927570063874, 1e-9],
    [0.05, 500, 0.15866260223815387, 1e-5],
    [0.03, 2000, 0.05354694793932557, 1e-6],
    [0.01, 5000, 0.6954557253913853, 1e-5],
    [0.05, 5000, 2.6523052328711187e-11, 1e-9],
    [0.004, 50000, 0.3994316646755731, 1e-5],
  ])('kolmogorovTail(%d, %d)', (d, n, expected, relative) =>
    agrees(kolmogorovTail(d, n), expected, relative),
  );
});
