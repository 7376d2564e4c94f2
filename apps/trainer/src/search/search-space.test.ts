import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  axisOf,
  checkSearchSpace,
  countAssignments,
  isInside,
  isSameAssignment,
  suggestRandom,
  type SearchSpace,
} from './search-space.ts';

const space: SearchSpace = {
  rate: { type: 'float', low: 1e-5, high: 1, log: true },
  leaves: { type: 'int', low: 4, high: 64, log: true },
  share: { type: 'float', low: 0.1, high: 0.95, step: 0.25 },
  rows: { type: 'int', low: 16, high: 256, step: 16 },
  kind: { type: 'categorical', choices: ['a', 'b', true, 3] },
  x: { type: 'float', low: -5, high: 5 },
};

describe('search space', () => {
  it('random suggestions lie inside, on the steps, and depend on seed and number alone', () => {
    for (let trial = 0; trial < 300; trial++) {
      const params = suggestRandom(space, 1, trial);
      expect(isInside(space, params)).toBe(true);
      expect(Number(params['rows']) % 16).toBe(0);
      expect(Number.isInteger(params['leaves'])).toBe(true);
      expect([0.1, 0.35, 0.6, 0.85]).toContainEqual(expect.closeTo(Number(params['share']), 12));
    }
    expect(suggestRandom(space, 1, 7)).toEqual(suggestRandom(space, 1, 7));
    expect(suggestRandom(space, 2, 7)).not.toEqual(suggestRandom(space, 1, 7));
  });

  it('the order in which a space is written does not matter', () => {
    const reversed = Object.fromEntries(Object.entries(space).reverse());

    expect(suggestRandom(reversed, 5, 3)).toEqual(suggestRandom(space, 5, 3));
  });

  it('every allowed value of a stepped range is equally likely, both ends included', () => {
    const counts = new Map<unknown, number>();
    for (let trial = 0; trial < 6_000; trial++) {
      const { rows } = suggestRandom({ rows: { type: 'int', low: 1, high: 6 } }, 3, trial);
      counts.set(rows, (counts.get(rows) ?? 0) + 1);
    }

    expect(counts.size).toBe(6);
    for (const count of counts.values()) expect(Math.abs(count - 1_000)).toBeLessThan(130);
  });

  it('a logarithmic range is uniform in its logarithm', () => {
    let below = 0;
    for (let trial = 0; trial < 4_000; trial++)
      if (Number(suggestRandom(space, 9, trial)['rate']) < Math.sqrt(1e-5)) below++;

    expect(Math.abs(below - 2_000)).toBeLessThan(130);
  });

  it('widens a stepped range by half a step and gives each value its cell', () => {
    const axis = axisOf({ type: 'int', low: 16, high: 250, step: 16 });

    expect([axis.low, axis.high]).toEqual([8, 248]);
    expect(axis.cellOf?.(32)).toEqual([24, 40]);
    expect([axis.toValue(8), axis.toValue(39.9), axis.toValue(248)]).toEqual([16, 32, 240]);
  });

  it('positions and values of an axis invert one another', () => {
    const axis = axisOf({ type: 'float', low: 1e-5, high: 1, log: true });
    fc.assert(
      fc.property(fc.double({ min: 1e-5, max: 1, noNaN: true }), (value) => {
        expect(axis.toValue(axis.toAxis(value)) / value).toBeCloseTo(1, 13);
      }),
    );
  });

  it('counts its assignments and recognises a repeat', () => {
    expect(countAssignments(space)).toBe(Infinity);
    expect(countAssignments({ i: { type: 'int', low: 1, high: 4 } })).toBe(4);
    expect(
      countAssignments({
        a: { type: 'int', low: 16, high: 256, step: 16 },
        b: { type: 'categorical', choices: ['x', 'y'] },
        c: { type: 'float', low: 0.1, high: 0.95, step: 0.25 },
      }),
    ).toBe(128);
    const params = suggestRandom(space, 1, 1);
    expect(isSameAssignment(space, params, { ...params })).toBe(true);
    expect(isSameAssignment(space, params, { ...params, x: 0 })).toBe(false);
  });

  it.each([
    ['an empty space', {}, 'space'],
    ['a range upside down', { a: { type: 'float', low: 2, high: 1 } }, 'space.a.high'],
    ['a logarithm of 0', { a: { type: 'float', low: 0, high: 1, log: true } }, 'space.a.low'],
    ['half integers', { a: { type: 'int', low: 0.5, high: 1 } }, 'space.a.low'],
    ['a step of 0', { a: { type: 'float', low: 0, high: 1, step: 0 } }, 'space.a.step'],
    [
      'steps of a logarithm',
      { a: { type: 'float', low: 1, high: 2, step: 1, log: true } },
      'space.a.step',
    ],
    ['no choices', { a: { type: 'categorical', choices: [] } }, 'space.a.choices'],
    ['a choice twice', { a: { type: 'categorical', choices: [1, 1] } }, 'space.a.choices'],
    ['an infinite range', { a: { type: 'float', low: 0, high: Infinity } }, 'space.a.high'],
  ])('%s is refused by the name of the field', (_, wrong, field) => {
    expect(() => checkSearchSpace(wrong as SearchSpace)).toThrow(
      expect.objectContaining({ details: expect.objectContaining({ field }) as object }) as Error,
    );
    expect(() => checkSearchSpace(space)).not.toThrow();
  });
});
