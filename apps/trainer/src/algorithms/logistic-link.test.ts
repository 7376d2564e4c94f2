import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { complementOf, LINK_POWERS, probabilityOf } from './logistic-link.ts';

describe('logistic link', () => {
  it('is the logistic function to a sixth of a float32 step', () => {
    fc.assert(
      fc.property(fc.double({ min: -86, max: 86, noNaN: true }), (margin) => {
        const expected = 1 / (1 + Math.exp(-margin));
        expect(Math.abs(probabilityOf(margin) - expected) / expected).toBeLessThan(1.1e-8);
      }),
    );
  });

  it('mirrors the classes exactly', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true }), (margin) => {
        expect(complementOf(margin)).toBe(probabilityOf(-margin));
      }),
    );
  });

  it('never falls as the margin rises, across the steps of its table', () => {
    const probabilities = Float32Array.from({ length: 80_001 }, (_, i) =>
      probabilityOf((i - 40_000) / 1000),
    );

    expect(probabilities).toEqual(probabilities.toSorted());
  });

  it('ends at positive probabilities for infinite margins', () => {
    expect(probabilityOf(-Infinity)).toBeGreaterThan(1e-38);
    expect(probabilityOf(Infinity)).toBe(1);
    expect(probabilityOf(0)).toBe(0.5);
  });

  it('reads its table from the end for negative indexes', () => {
    expect(LINK_POWERS[16]).toBe(2);
    expect(LINK_POWERS.at(-16)).toBe(0.5);
    expect(LINK_POWERS[1]).toBeCloseTo(2 ** (1 / 16), 15);
  });
});
