import { canonicalJson } from '@flywheel/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normals } from '../testing.ts';
import { CategoryCounts, topCategories } from './category-counts.ts';
import { DDSketch } from './dd-sketch.ts';
import { quantileEdges, uniformEdges } from './edges.ts';
import { FixedPointSum } from './fixed-point-sum.ts';
import { FrozenHistogram } from './frozen-histogram.ts';
import { Moments, momentsByUnit } from './moments.ts';
import { ValueRange } from './value-range.ts';

const anyValue = fc.oneof(
  fc.double({ min: -10, max: 10, noNaN: true }),
  fc.constantFrom(null, undefined, NaN, Infinity, -Infinity, 0, 1, 5),
);
const bytes = (summary: { toJSON(): unknown }) => canonicalJson(summary.toJSON());

interface Summary<T> {
  merge(other: T): T;
  subtract(other: T): T;
  clone(): T;
  toJSON(): unknown;
}

/** What every exact summary promises, compared byte by byte. */
function promisesExactMerging<T extends Summary<T>, V>(
  name: string,
  values: fc.Arbitrary<V>,
  of: (values: V[]) => T,
  read: (state: unknown) => T,
): void {
  describe(`${name} merges exactly`, () => {
    it('whatever the order and the grouping', () => {
      fc.assert(
        fc.property(fc.array(values), fc.array(values), fc.array(values), (x, y, z) => {
          const whole = bytes(of([...z, ...x, ...y]));

          expect(bytes(of(x).merge(of(y)).merge(of(z)))).toBe(whole);
          expect(bytes(of(z).merge(of(y).merge(of(x))))).toBe(whole);
        }),
      );
    });

    it('and gives back what was merged in', () => {
      fc.assert(
        fc.property(fc.array(values), fc.array(values), (x, y) => {
          expect(bytes(of(x).merge(of(y)).subtract(of(y)))).toBe(bytes(of(x)));
        }),
      );
    });

    it('and survives JSON', () => {
      fc.assert(
        fc.property(fc.array(values), (x) => {
          const state: unknown = JSON.parse(JSON.stringify(of(x)));

          expect(bytes(read(state))).toBe(bytes(of(x)));
          expect(bytes(of(x).clone())).toBe(bytes(of(x)));
        }),
      );
    });
  });
}

promisesExactMerging(
  'FrozenHistogram',
  anyValue,
  (values) => FrozenHistogram.of([-5, 0, 0.5, 5], values),
  (state) => FrozenHistogram.fromJSON(state),
);
promisesExactMerging(
  'CategoryCounts',
  fc.constantFrom('a', 'b', 'c', '__proto__', null),
  (values) => CategoryCounts.of(['a', 'b', '__proto__'], values),
  (state) => CategoryCounts.fromJSON(state),
);
promisesExactMerging(
  'DDSketch',
  fc.double(),
  (values) => DDSketch.of(values),
  (state) => DDSketch.fromJSON(state),
);
promisesExactMerging(
  'FixedPointSum',
  fc.oneof(
    fc.double({ min: -1e6, max: 1e6, noNaN: true }),
    fc.double({ min: -1e45, max: 1e45, noNaN: true }),
  ),
  (values) => {
    const sum = new FixedPointSum();
    for (const value of values) sum.add(value);
    return sum;
  },
  (state) => FixedPointSum.fromJSON(state),
);

describe('FixedPointSum', () => {
  it('keeps what plain addition loses beside large values', () => {
    const values = [2 ** 52, 0.25, 0.25, 0.25, 0.25, -(2 ** 52)];
    const sum = new FixedPointSum();
    for (const value of values) sum.add(value);

    expect(sum.value).toBe(1);
    expect(values.reduce((plain, value) => plain + value, 0)).not.toBe(1);
  });

  it('takes back exactly what it added', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -50, max: 50, noNaN: true })), (values) => {
        const sum = new FixedPointSum();
        for (const value of values) sum.add(value);
        for (const value of values) sum.remove(value);

        expect(sum.toJSON()).toEqual([0, 0, 0, 0]);
      }),
    );
  });

  it('stays exact beyond the integers a double can count', () => {
    const sum = new FixedPointSum();
    for (let at = 0; at < 1_000; at++) sum.add(1e40);
    sum.add(0.25);
    for (let at = 0; at < 1_000; at++) sum.remove(1e40);

    expect(FixedPointSum.fromJSON(JSON.parse(JSON.stringify(sum))).value).toBe(0.25);
  });

  it('holds small negative sums exactly', () => {
    const sum = new FixedPointSum();
    sum.add(-0.25);

    expect(sum.value).toBe(-0.25);
  });

  it('refuses what is not finite', () => {
    expect(() => new FixedPointSum().add(NaN)).toThrow('value');
    expect(() => new FixedPointSum().add(2 ** 151)).toThrow('value');
  });
});

describe('Moments', () => {
  const finite = fc.array(fc.double({ min: -1e3, max: 1e3, noNaN: true }), { minLength: 2 });

  it('merge and subtract to the moments of the whole and of the part', () => {
    fc.assert(
      fc.property(finite, finite, (x, y) => {
        const whole = Moments.of([...x, ...y]);
        const merged = Moments.of(x).merge(Moments.of(y));
        const back = merged.clone().subtract(Moments.of(y));

        expect(merged.count).toBe(whole.count);
        expect(merged.mean).toBeCloseTo(whole.mean!, 8);
        expect(merged.variance).toBeCloseTo(whole.variance!, 5);
        expect(back.mean).toBeCloseTo(Moments.of(x).mean!, 8);
        expect(back.variance).toBeCloseTo(Moments.of(x).variance!, 4);
      }),
    );
  });

  it('keep small variances of large values', () => {
    const moments = Moments.of([1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16]);

    expect(moments.variance).toBe(30);
    expect(moments.populationVariance).toBe(22.5);
  });

  it('are undefined without values instead of 0', () => {
    const moments = new Moments();

    expect([moments.mean, moments.variance, moments.populationVariance]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(Moments.of([3]).variance).toBeUndefined();
    expect(Moments.fromJSON(JSON.parse(JSON.stringify(Moments.of([3, 4])))).mean).toBe(3.5);
  });

  it('count units, not rows', () => {
    const even = momentsByUnit([
      { unit: 'A', value: 3 },
      { unit: 'B', value: 4 },
      { unit: 'A', value: 4 },
      { unit: 'B', value: 3 },
    ]);
    const uneven = momentsByUnit(
      [
        { unit: 'A', value: 3 },
        { unit: 'A', value: 4 },
        { unit: 'C', value: 5 },
      ],
      ['A', 'B', 'C'],
    );

    expect([even.mean, even.variance]).toEqual([7, 0]);
    expect(uneven.mean).toBeCloseTo(4, 12);
    expect(uneven.variance).toBeCloseTo(13, 12);
  });
});

describe('FrozenHistogram', () => {
  it('counts infinite values as overflow and as non-finite and loses none', () => {
    const reference = [0, 1, 2, 3];
    const current = FrozenHistogram.of(uniformEdges(0, 3, 3), [1, 2, Infinity, -Infinity]);
    const range = ValueRange.of([1, 2, Infinity, -Infinity]);

    expect(current.nonFinite).toBe(2);
    expect(current.outOfRange / current.total).toBe(0.5);
    expect(current.toJSON()).toMatchObject({ negativeInfinity: 1, positiveInfinity: 1, nan: 0 });
    expect([range.minimum, range.maximum]).toEqual([1, 2]);
    expect(FrozenHistogram.of(uniformEdges(0, 3, 3), reference).outOfRange).toBe(0);
  });

  it('puts every value in the bin its edges say', () => {
    const edges = [0, 0.1, 0.25, 1];
    const histogram = FrozenHistogram.of(edges, [-0.01, 0, 0.0999, 0.1, 0.25, 1, 1.01, null, NaN]);

    expect(histogram.finiteCounts()).toEqual([1, 2, 1, 2, 1]);
    expect([histogram.nulls, histogram.nonFinite, histogram.total]).toEqual([1, 1, 9]);
  });

  it('takes single values back', () => {
    fc.assert(
      fc.property(fc.array(anyValue), anyValue, (values, extra) => {
        const histogram = FrozenHistogram.of([-5, 0, 5], [...values, extra]);
        histogram.remove(extra);

        expect(bytes(histogram)).toBe(bytes(FrozenHistogram.of([-5, 0, 5], values)));
      }),
    );
  });

  it('finds quantiles to a bin width', () => {
    const values = normals(11, 5_000);
    const histogram = FrozenHistogram.of(quantileEdges(values, 100), values);
    const sorted = [...values].sort((left, right) => left - right);

    for (const share of [0.1, 0.25, 0.5, 0.9])
      expect(histogram.quantile(share)).toBeCloseTo(sorted[share * 5_000]!, 1);
    expect(new FrozenHistogram([0, 1]).quantile(0.5)).toBeUndefined();
  });

  it('refuses edges that do not rise, other edges, and broken states', () => {
    expect(() => new FrozenHistogram([0, 0])).toThrow('edges[1]');
    expect(() => new FrozenHistogram([0])).toThrow('edges');
    expect(() => new FrozenHistogram([0, 1]).merge(new FrozenHistogram([0, 2]))).toThrow('edges');
    expect(() => FrozenHistogram.fromJSON({ edges: [0, 1], counts: [1, 2] })).toThrow(
      'histogram.counts',
    );
    expect(() => FrozenHistogram.fromJSON({ edges: [0, 1], counts: [1.5] })).toThrow(
      'histogram.counts[0]',
    );
  });
});

describe('edges from a reference', () => {
  it('split a continuous sample into bins of equal mass', () => {
    const values = normals(5, 10_000);
    const histogram = FrozenHistogram.of(quantileEdges(values, 20), values);

    expect([...histogram.counts]).toEqual(new Array(20).fill(500));
    expect(histogram.outOfRange).toBe(0);
  });

  it('keep values that occur often away from the edges', () => {
    const values = [...new Array<number>(600).fill(0), ...normals(6, 400, { mean: 5 })];
    const edges = quantileEdges(values, 10);
    const moved = FrozenHistogram.of(edges, [0.0001, -0.0001]);
    const same = FrozenHistogram.of(edges, [0, 0]);

    expect(moved.finiteCounts()).toEqual(same.finiteCounts());
  });

  it('lie midway between few distinct values', () => {
    expect(quantileEdges([0, 0.5, 1, 0, 0.5, 1], 10)).toEqual([-0.25, 0.25, 0.75, 1.25]);
    const [low = 0, high = 0] = quantileEdges([5, 5, 5], 10);
    expect(low < 5 && 5 < high).toBe(true);
    expect(quantileEdges([null, NaN], 10)).toEqual([]);
  });

  it('hold every sample', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1 }),
        fc.integer({ min: 1, max: 50 }),
        (values, bins) => {
          const histogram = FrozenHistogram.of(quantileEdges(values, bins), values);

          expect(histogram.outOfRange).toBe(0);
          expect(histogram.counts.length).toBeLessThanOrEqual(bins);
        },
      ),
      {
        examples: [
          [[9.999999999999987e299, 9.999999999999989e299, 0], 2], // neighbours: no room for half a gap
          [[-Number.MAX_VALUE, 0, Number.MAX_VALUE], 3],
          [[Number.MAX_VALUE], 1],
          [[0, Number.MIN_VALUE], 2],
        ],
      },
    );
  });
});

describe('DDSketch', () => {
  it('keeps its relative accuracy on a million log-normal values', () => {
    const values = Float64Array.from({ length: 1_000_000 }, (_, at) => {
      const radius = Math.sqrt(-2 * Math.log((at + 0.5) / 1_000_000));
      return Math.exp(2 * radius * Math.cos(2.399963229728653 * at));
    });
    const sketch = new DDSketch();
    for (const value of values) sketch.add(value);
    values.sort();

    for (const share of [0, 0.001, 0.01, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999, 1]) {
      const exact = values[Math.floor(share * 999_999)]!;
      expect(Math.abs(sketch.quantile(share)! - exact)).toBeLessThanOrEqual(
        0.01 * exact * 1.000001,
      );
    }
  });

  it('keeps it for any finite values of both signs', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ noDefaultInfinity: true, noNaN: true }), { minLength: 1 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (values, share) => {
          const sorted = Float64Array.from(values).sort();
          const exact = sorted[Math.floor(share * (values.length - 1))]!;
          const found = DDSketch.of(values).quantile(share)!;

          const slack = Math.abs(exact) < 1e-307 ? 1e-307 : 0.01 * Math.abs(exact) * 1.000001;
          expect(Math.abs(found - exact) <= slack).toBe(true);
        },
      ),
    );
  });

  it('is undefined without values and refuses a broken state', () => {
    expect(new DDSketch().quantile(0.5)).toBeUndefined();
    expect(DDSketch.of([NaN, Infinity]).nonFinite).toBe(2);
    expect(() => DDSketch.fromJSON({ relativeAccuracy: 2 })).toThrow('relativeAccuracy');
    expect(() => DDSketch.of([1]).merge(new DDSketch({ relativeAccuracy: 0.02 }))).toThrow('same');
  });
});

describe('CategoryCounts', () => {
  it('counts what it does not know as other', () => {
    const counts = CategoryCounts.of(['no', 'yes'], ['yes', 'maybe', null, 'yes']);

    expect([counts.countOf('yes'), counts.countOf('no'), counts.other, counts.nulls]).toEqual([
      2, 0, 1, 1,
    ]);
    expect([counts.present, counts.total]).toEqual([3, 4]);
  });

  it('freezes the most frequent ones', () => {
    expect(topCategories(['b', 'a', 'c', 'c', 'b', null], 2)).toEqual(['b', 'c']);
    expect(() => new CategoryCounts(['a', 'a'])).toThrow('distinct');
  });
});

describe('ValueRange', () => {
  it('merges and ignores what is missing or not finite', () => {
    const range = ValueRange.of([3, null, NaN]).merge(ValueRange.of([-1, Infinity]));

    expect(range.toJSON()).toEqual({ minimum: -1, maximum: 3 });
    expect(new ValueRange().toJSON()).toEqual({ minimum: null, maximum: null });
  });
});
