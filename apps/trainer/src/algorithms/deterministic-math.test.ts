import { sha256 } from '@flywheel/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exp, exponentOf, log, log1p, powerOfTwo, softplus } from './deterministic-math.ts';

const relative = (actual: number, expected: number) =>
  Math.abs(actual - expected) / Math.max(Math.abs(expected), Number.MIN_VALUE);

describe('deterministic math', () => {
  it('exp agrees with the engine to 2 units in the last place', () => {
    fc.assert(
      fc.property(fc.double({ min: -700, max: 709, noNaN: true }), (x) => {
        expect(relative(exp(x), Math.exp(x))).toBeLessThan(4.5e-16);
      }),
    );
  });

  it('log agrees with the engine to 2 units in the last place', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-300, max: 1e300, noNaN: true }), (x) => {
        const expected = Math.log(x);
        expect(Math.abs(log(x) - expected)).toBeLessThanOrEqual(4.5e-16 * Math.abs(expected));
      }),
    );
  });

  it('knows the special values', () => {
    expect([exp(0), exp(-Infinity), exp(Infinity), exp(-800), exp(NaN)]).toEqual([
      1,
      0,
      Infinity,
      0,
      NaN,
    ]);
    expect([log(1), log(0), log(Infinity), log(-1), log(NaN)]).toEqual([
      0,
      -Infinity,
      Infinity,
      NaN,
      NaN,
    ]);
    expect(relative(log(5e-324), -744.4400719213812)).toBeLessThan(1e-15);
  });

  it('log1p keeps tiny arguments and softplus does not overflow', () => {
    expect(log1p(1e-20)).toBe(1e-20);
    expect(relative(log1p(0.5), Math.log1p(0.5))).toBeLessThan(1e-15);
    expect(softplus(1000)).toBe(1000);
    expect(softplus(-800)).toBe(0);
    expect(softplus(0)).toBeCloseTo(Math.LN2, 15);
  });

  it('splits every positive number into a power of two and a factor near 1', () => {
    fc.assert(
      fc.property(
        fc.double({ min: Number.MIN_VALUE, noNaN: true, noDefaultInfinity: true }),
        (x) => {
          const k = exponentOf(x);
          const factor = x / powerOfTwo(k >> 1) / powerOfTwo(k - (k >> 1));
          expect(factor).toBeGreaterThanOrEqual(Math.SQRT1_2);
          expect(factor).toBeLessThan(Math.SQRT2);
        },
      ),
    );
  });

  it('gives these bits on every machine', () => {
    const values = Float64Array.from({ length: 4000 }, (_, i) =>
      i % 2 ? exp((i - 2000) / 7) : log(1 + i * i),
    );

    expect(sha256(new Uint8Array(values.buffer)).slice(0, 16)).toBe('37c6ce4536ed9163');
  });
});
