import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { binningKey, binOf, boundBetween, MISSING_BIN, placeBins } from './feature-bins.ts';

const key = binningKey(1, 0);
const float = fc.float({ noNaN: true });

describe('feature bins', () => {
  it('a bound lies at or above its left and below its right neighbour, as float32', () => {
    fc.assert(
      fc.property(float, float, (a, b) => {
        fc.pre(a !== b);
        const [left, right] = a < b ? [a, b] : [b, a];
        const bound = boundBetween(left, right);

        expect(Math.fround(bound)).toBe(bound);
        expect(bound >= left && bound < right).toBe(true);
      }),
    );
  });

  it('few distinct values get a bin each, missing ones the last', () => {
    const values = Float32Array.of(3, NaN, 1, 2, 2, 1, Infinity, -Infinity, NaN);

    const bins = placeBins(values, 255, key);

    expect([...values].map((value) => binOf(bins, value))).toEqual([
      3,
      MISSING_BIN,
      1,
      2,
      2,
      1,
      4,
      0,
      MISSING_BIN,
    ]);
  });

  it('0 and -0 share a bin', () => {
    const bins = placeBins(Float32Array.of(0, -0, 1), 255, key);

    expect(bins.bounds).toHaveLength(1);
    expect(binOf(bins, -0)).toBe(binOf(bins, 0));
  });

  it('neighbouring floats are told apart, and equal after the cast are not', () => {
    const next = Math.fround(0.1) + 2 ** -27;
    expect(placeBins(Float32Array.of(0.1, next), 255, key).bounds).toEqual(Float32Array.of(0.1));
    expect(placeBins(Float32Array.of(0.1, 0.10000000149011612), 255, key).bounds).toHaveLength(0);
  });

  it('many values fall into bins of about equal size', () => {
    const values = Float32Array.from({ length: 10_000 }, (_, i) => (i * 7919) % 10_000);
    const bins = placeBins(values, 255, key);
    const counts = new Array<number>(255).fill(0);
    for (const value of values) counts[binOf(bins, value)]!++;

    expect(bins.bounds).toHaveLength(254);
    expect(Math.min(...counts)).toBeGreaterThan(30);
    expect(Math.max(...counts)).toBeLessThan(48);
  });

  it('a very frequent value takes one bin and leaves the others to the rest', () => {
    const values = Float32Array.from({ length: 10_000 }, (_, i) => (i < 9_000 ? 0 : i));

    const bins = placeBins(values, 255, key);

    expect(bins.bounds.length).toBeGreaterThan(240);
    expect(binOf(bins, 0)).toBe(0);
  });

  it('more rows than are sampled still give balanced bins', () => {
    const values = Float32Array.from({ length: 500_000 }, (_, i) => i);
    const { bounds } = placeBins(values, 4, key);

    expect(bounds).toHaveLength(3);
    bounds.forEach((bound, i) => expect(Math.abs(bound - 125_000 * (i + 1))).toBeLessThan(1000));
  });

  it('an empty column has one bin', () => {
    expect(placeBins(Float32Array.of(NaN, NaN), 255, key).bounds).toHaveLength(0);
  });
});
