import { describe, expect, it } from 'vitest';
import { bandwidths, observationWeights, ParzenEstimator } from './parzen-estimator.ts';
import type { SearchSpace } from './search-space.ts';

describe('weights of observations', () => {
  it.each([0, 1, 24, 25])('%i observations count alike', (count) => {
    expect(observationWeights(count)).toEqual(new Array<number>(count).fill(1));
  });

  it('of 26 the oldest counts 1/26', () => {
    expect(observationWeights(26)).toEqual([1 / 26, ...new Array<number>(25).fill(1)]);
  });

  it('of 60 the oldest 35 rise from 1/60 to 1', () => {
    const weights = observationWeights(60);

    expect(weights[0]).toBe(1 / 60);
    expect(weights[1]).toBeCloseTo(1 / 60 + 59 / 60 / 34, 14);
    expect(weights[34]).toBe(1);
    expect(weights.slice(35)).toEqual(new Array<number>(25).fill(1));
  });
});

describe('bandwidths', () => {
  it('none for no observation', () => {
    expect(bandwidths([], 0, 10)).toEqual([]);
  });

  it('one observation reaches to the farther end', () => {
    expect(bandwidths([3], 0, 10)).toEqual([7]);
  });

  it('two reach to one another', () => {
    expect(bandwidths([7, 3], 0, 10)).toEqual([4, 4]);
  });

  it('an inner one reaches to the farther neighbour, the outermost only inwards', () => {
    expect(bandwidths([9, 2, 5], 0, 10)).toEqual([4, 3, 4]);
  });

  it('duplicates get the least width', () => {
    expect(bandwidths([5, 5, 5], 0, 10)).toEqual([2, 2, 2]);
    expect(bandwidths(new Array<number>(200).fill(5), 0, 10)[100]).toBe(0.1);
  });
});

describe('Parzen estimator', () => {
  const space: SearchSpace = {
    x: { type: 'float', low: 0, high: 1 },
    k: { type: 'int', low: 1, high: 3 },
    c: { type: 'categorical', choices: ['a', 'b'] },
  };
  const uniform = { x: 0.5, k: 2, c: 'a' };

  it('is a density: over a grid of everything it sums to 1', () => {
    const estimator = new ParzenEstimator(space, [
      { x: 0.1, k: 1, c: 'a' },
      { x: 0.2, k: 3, c: 'b' },
      { x: 0.9, k: 3, c: 'b' },
    ]);
    const steps = 2_000;
    let sum = 0;
    for (let i = 0; i < steps; i++)
      for (const k of [1, 2, 3])
        for (const c of ['a', 'b'])
          sum += Math.exp(estimator.logDensity({ x: (i + 0.5) / steps, k, c })) / steps;

    expect(sum).toBeCloseTo(1, 5);
  });

  it('without observations it is the prior alone', () => {
    const estimator = new ParzenEstimator({ x: space['x']! }, []);
    // a normal of width 1 around 0.5, cut to [0, 1]: density 0.39894228 / 0.38292492 in the middle
    expect(Math.exp(estimator.logDensity(uniform))).toBeCloseTo(1.0418289, 6);
  });

  it('a categorical component favours the observed choice by 1 against 1/(k + 1)', () => {
    const estimator = new ParzenEstimator({ c: space['c']! }, [uniform]);
    // components: observed a (1.5/2 on a), prior (1/2)
    expect(Math.exp(estimator.logDensity(uniform))).toBeCloseTo((0.75 + 0.5) / 2, 12);
  });

  it('an integer has the mass of its cell', () => {
    const estimator = new ParzenEstimator({ k: space['k']! }, []);
    const mass = (k: number) => Math.exp(estimator.logDensity({ k }));
    // prior: width 3 around 2 on [0.5, 3.5]; the middle cell is 2 * (Phi(1/6) - 1/2) / (2 * (Phi(1/2) - 1/2))
    expect(mass(2)).toBeCloseTo(0.13236774 / 0.38292492, 6);
    expect(mass(1) + mass(2) + mass(3)).toBeCloseTo(1, 12);
  });

  it('a range of one value is not an error', () => {
    const estimator = new ParzenEstimator({ x: { type: 'float', low: 2, high: 2 } }, [{ x: 2 }]);

    expect(estimator.logDensity({ x: 2 })).toBe(0);
  });
});
