import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Moments } from '../summaries/moments.ts';
import { randomAt } from '../random/counter-random.ts';
import { normals, uniforms } from '../testing.ts';
import { goodnessOfFit, homogeneityTest, poolNeighbours, poolRare, sum } from './count-tests.ts';
import { fisherExact } from './fisher.ts';
import { ksLimitPValue, ksTest, ksTestOnCounts } from './kolmogorov-smirnov.ts';
import { mannWhitney } from './mann-whitney.ts';
import { mcnemar } from './mcnemar.ts';
import { adjustPValues } from './multiple-testing.ts';
import { tTest } from './t-test.ts';

// Two lists of eight and two rows of counts with published answers; the rest from SciPy and statsmodels.
const a = [38.7, 41.5, 43.8, 44.5, 45.5, 46.0, 47.7, 58.0];
const b = [39.2, 39.3, 39.7, 41.4, 41.8, 42.9, 43.3, 45.8];
const r = [16, 18, 16, 14, 12, 12];
const c = [16, 16, 16, 16, 16, 8];
const x7 = [2.041, -2.556, 0.418, -0.568, -0.453, -0.216, -2.02];
const x12 = [0.268, -0.365, 3.823, 0.726, 0.147, 0.219, -0.168, -0.555, 0.109, 0.982, 0.261, 1.458];
const x20 = [
  0.216, -0.317, 0.293, -0.243, 0.817, -0.794, 0.134, -0.111, 0.543, 0.225, 2.55, 1.499, 1.497,
  -2.04, -0.34, -0.609, 0.533, -2.279, 1.174, 1.067,
];
const x60 = [
  -0.802, -0.479, -0.301, 0.543, 1.141, 2.548, 0.303, 1.268, 0.655, 2.26, 1.242, 1.869, -0.578,
  0.308, -0.314, 2.005, 1.158, 0.195, 0.048, 0.985, -0.201, -0.431, 0.981, 2.963, 0.254, -0.056,
  -0.671, -0.835, 1.025, 1.351, 0.509, 0.833, 0.616, 0.639, -1.026, 0.042, 0.611, -0.283, 0.024,
  -0.319, 0.167, 1.353, 0.093, 0.346, 1.314, 1.145, 2.195, -1.59, 1.357, 0.018, 0.635, 1.338, 1.583,
  1.539, 0.655, 2.11, 0.217, 0.359, 1.299, -0.051,
];
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => from + at);

describe('Kolmogorov-Smirnov', () => {
  it('gives both p-values of the eight against eight', () => {
    expect(ksTest(a, b, 'exact')).toEqual({
      statistic: 0.625,
      pValue: expect.closeTo(0.087024087, 9) as number,
      method: 'exact',
    });
    expect(ksTest(a, b, 'asymptotic').pValue).toBeCloseTo(0.0493164, 7);
    expect(ksLimitPValue(0.625, 8, 8)).toBeCloseTo(0.0878664, 6);
  });

  it.each([
    [range(0, 1_000), range(50, 1_050), 0.05, 0.1641145],
    [range(0, 10_000), range(200, 10_200), 0.02, 0.0366286],
  ])('exact for equal sizes of any length', (first, second, statistic, pValue) => {
    const found = ksTest(first, second);

    expect(found.statistic).toBeCloseTo(statistic, 12);
    expect(found.pValue).toBeCloseTo(pValue, 7);
    expect(found.method).toBe('exact');
  });

  it('exact and asymptotic for unequal sizes', () => {
    expect(ksTest(x7, x12).pValue).toBeCloseTo(0.09784075573549256, 10);
    expect(ksTest(x7, x12, 'asymptotic').pValue).toBeCloseTo(0.12007631850926306, 9);
    expect(ksTest(x20, x60).pValue).toBeCloseTo(0.5579295083180307, 10);
    expect(ksTest(x20, x60, 'asymptotic').pValue).toBeCloseTo(0.5220497790075046, 9);
  });

  it('has the critical distances of large samples', () => {
    for (const [n, d] of [
      [1_000, 0.0607],
      [10_000, 0.0192],
      [100_000, 0.0061],
    ] as const)
      expect(Math.abs(ksLimitPValue(d, n, n) - 0.05)).toBeLessThan(0.002);
  });

  it('counts on bins never claim a larger distance than the values', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(99), { minLength: 1 }),
        fc.array(fc.nat(99), { minLength: 1 }),
        (first, second) => {
          const binned = (values: number[]) =>
            range(0, 10).map(
              (bin) => values.filter((value) => Math.floor(value / 10) === bin).length,
            );
          const coarse = ksTestOnCounts(binned(first), binned(second));

          expect(coarse.statistic).toBeLessThanOrEqual(ksTest(first, second).statistic + 1e-12);
        },
      ),
    );
  });

  it('refuses empty and infinite samples', () => {
    expect(() => ksTest([], [1])).toThrow('first');
    expect(() => ksTest([1], [1, NaN])).toThrow('second');
    expect(ksTest([1, 2], [1, 2]).pValue).toBe(1);
  });
});

describe('tests of counts', () => {
  it('homogeneity treats the reference as a sample', () => {
    const chi2 = homogeneityTest(r, c);

    expect(chi2).toMatchObject({ df: 5, columns: 6 });
    expect(chi2.statistic).toBeCloseTo(1.622409, 7);
    expect(chi2.pValue).toBeCloseTo(0.8985262, 7);
    expect(homogeneityTest(r, c, { statistic: 'g' }).statistic).toBeCloseTo(1.6299560650379492, 9);
  });

  it('goodness of fit treats it as the truth', () => {
    const chi2 = goodnessOfFit(c, r);

    expect(chi2.statistic).toBeCloseTo(3.1746032, 7);
    expect(chi2.pValue).toBeCloseTo(0.6730876, 7);
    expect(goodnessOfFit([4, 6, 8], [5, 5, 8], { statistic: 'g' }).pValue).toBeCloseTo(0.8176, 4);
  });

  it('judges a planned unequal split by its plan', () => {
    expect(goodnessOfFit([9_480, 520], [95, 5]).statistic).toBeCloseTo(0.8421, 4);
    expect(goodnessOfFit([9_480, 520], [95, 5]).pValue).toBeCloseTo(0.3588, 4);
    expect(goodnessOfFit([1_000, 4_510, 4_490], [10, 45, 45]).pValue).toBeCloseTo(0.978, 4);
  });

  it('equal shares in samples of different size are equal', () => {
    expect(homogeneityTest([40, 160], [10, 40])).toMatchObject({ statistic: 0, pValue: 1 });
  });

  it('two columns at a million rows', () => {
    expect(homogeneityTest([500_000, 500_000], [502_000, 498_000]).pValue).toBeCloseTo(0.00468, 4);
  });

  it('keeps its level where goodness of fit does not', () => {
    let homogeneity = 0;
    let fit = 0;
    const draw = (seed: number, size: number) => {
      const counts = new Array<number>(10).fill(0);
      for (let at = 0; at < size; at++) counts[Math.floor(randomAt(seed, at) * 10)]! += 1;
      return counts;
    };
    for (let run = 0; run < 400; run++) {
      const [first, second] = [draw(2 * run, 500), draw(2 * run + 1, 1_000)];
      if (homogeneityTest(first, second).pValue < 0.05) homogeneity += 1;
      if (goodnessOfFit(second, first).pValue < 0.05) fit += 1;
    }

    expect(homogeneity / 400).toBeLessThan(0.05 + 3.3 * Math.sqrt((0.05 * 0.95) / 400));
    expect(fit / 400).toBeGreaterThan(0.6);
  });

  const counts = fc
    .integer({ min: 1, max: 12 })
    .chain((size) =>
      fc.tuple(
        fc.array(fc.nat(40), { minLength: size, maxLength: size }),
        fc.array(fc.nat(40), { minLength: size, maxLength: size }),
      ),
    );

  it.each([
    ['rare categories', poolRare],
    ['neighbours', poolNeighbours],
  ])('pooling %s loses no row and leaves no small expectation', (_, pool) => {
    fc.assert(
      fc.property(counts, ([first, second]) => {
        const pooled = pool(first, second);
        const total = sum(first) + sum(second);

        expect([sum(pooled.first), sum(pooled.second)]).toEqual([sum(first), sum(second)]);
        if (pooled.first.length > 1)
          pooled.first.forEach((count, at) => {
            const column = count + pooled.second[at]!;
            expect((column * Math.min(sum(first), sum(second))) / total).toBeGreaterThanOrEqual(5);
          });
      }),
    );
  });

  it('refuses lists of different length and negative counts', () => {
    expect(() => homogeneityTest([1], [1, 2])).toThrow('second');
    expect(() => homogeneityTest([1, -1], [1, 2])).toThrow('first[1]');
  });
});

describe('Fisher', () => {
  const table = (cells: [[number, number], [number, number]]) =>
    fisherExact(
      { successes: cells[0][0], trials: cells[0][0] + cells[0][1] },
      { successes: cells[1][0], trials: cells[1][0] + cells[1][1] },
    );

  it.each([
    [
      [
        [45, 45],
        [30, 60],
      ],
      0.033972274322700745,
    ],
    [
      [
        [6, 0],
        [0, 6],
      ],
      0.0021645021645021645,
    ],
    [
      [
        [3, 9997],
        [12, 4988],
      ],
      0.0002831851276730249,
    ],
    [
      [
        [1, 9],
        [11, 3],
      ],
      0.0027594561852200836,
    ],
    [
      [
        [500_000, 500_000],
        [502_000, 498_000],
      ],
      0.004698348309735139,
    ],
  ] as const)('%j', (cells, expected) => {
    const p = table(cells as unknown as [[number, number], [number, number]]);

    expect(Math.abs(p / expected - 1)).toBeLessThan(1e-6);
  });

  it('reaches far into the tail', () => {
    expect(
      table([
        [0, 5_000],
        [50, 0],
      ]) / 2.6558315955970328e-121,
    ).toBeCloseTo(1, 6);
  });

  it('is symmetric and 1 for equal shares', () => {
    fc.assert(
      fc.property(fc.nat(20), fc.nat(20), fc.nat(20), fc.nat(20), (p, q, s, t) => {
        expect(
          table([
            [p, q],
            [s, t],
          ]),
        ).toBeCloseTo(
          table([
            [s, t],
            [p, q],
          ]),
          9,
        );
        expect(
          table([
            [p, q],
            [p, q],
          ]),
        ).toBeCloseTo(1, 9);
      }),
    );
  });
});

describe('Mann-Whitney', () => {
  it('is exact in small samples without ties', () => {
    expect(mannWhitney(a, b)).toEqual({
      u: 49,
      pValue: expect.closeTo(0.0829837, 7) as number,
      method: 'exact',
    });
    expect(mannWhitney(a, b, { alternative: 'less' }).pValue).toBeCloseTo(0.9675214, 7);
    expect(mannWhitney(x7, x12).pValue).toBeCloseTo(0.10026196713503215, 9);
  });

  it('is normal with corrections elsewhere', () => {
    const repeat = (counts: number[]) =>
      counts.flatMap((count, value) => new Array<number>(count).fill(value));

    expect(mannWhitney(a, b, { method: 'asymptotic' }).pValue).toBeCloseTo(0.08312293695990333, 9);
    expect(mannWhitney(x20, x60).pValue).toBeCloseTo(0.17879961745957484, 9);
    expect(mannWhitney(repeat(r), repeat(c), { alternative: 'less' }).pValue).toBeCloseTo(
      0.4814330305987495,
      9,
    );
    expect(() => mannWhitney([1], [1], { method: 'exact' })).toThrow('method');
  });
});

describe('McNemar', () => {
  it.each([
    [121, 59, 21.3556, 3.815e-6, 20.6722, 4.434e-6, 3.2666467957745733e-6],
    [6, 16, 4.5455, 0.03301, 3.6818, 0.05248, 0.03468966484069824],
    [30, 12, 7.7143, 0.005479, 6.881, 0.007916, 0.0054015726545912895],
  ])('%d against %d', (first, second, statistic, pValue, corrected, exact, mid) => {
    const found = mcnemar(first, second);

    expect(found.statistic).toBeCloseTo(statistic, 4);
    expect(found.pValue / pValue).toBeCloseTo(1, 3);
    expect(found.correctedStatistic).toBeCloseTo(corrected, 3);
    expect(found.exactPValue / exact).toBeCloseTo(1, 3);
    expect(found.midPValue).toBeCloseTo(mid, 10);
  });

  it('three verdicts from one table, and none from an empty one', () => {
    expect(mcnemar(6, 16).correctedPValue).toBeCloseTo(0.05501, 5);
    expect(mcnemar(0, 0)).toMatchObject({ pValue: 1, exactPValue: 1, midPValue: 1 });
  });
});

describe('t-test', () => {
  it('pooled and Welch', () => {
    const pooled = tTest(Moments.of(a), Moments.of(b), { pooled: true });
    const welch = tTest(Moments.of(a), Moments.of(b));

    expect(pooled).toMatchObject({
      t: expect.closeTo(1.8594523, 7) as number,
      pValue: expect.closeTo(0.0841057, 7) as number,
    });
    expect(welch).toMatchObject({ pValue: expect.closeTo(0.0951206, 7) as number });
  });

  it('gives no verdict without spread or rows', () => {
    expect(tTest(Moments.of([7, 7]), Moments.of([7, 7]))).toEqual({
      kind: 'undefined',
      reason: 'no spread',
    });
    expect(tTest(Moments.of([7]), Moments.of([7, 8]))).toEqual({
      kind: 'undefined',
      reason: 'too few rows',
    });
  });
});

describe('many tests at once', () => {
  const published = [
    0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.324, 0.4262, 0.5719,
    0.6528, 0.759, 1,
  ];
  const rejected = (adjusted: number[]) => adjusted.filter((p) => p <= 0.05).length;

  it('reproduces the fifteen p-values of Benjamini and Hochberg 1995', () => {
    const adjusted = adjustPValues(published, 'benjamini-hochberg');

    expect(rejected(adjusted)).toBe(4);
    expect(rejected(adjustPValues(published, 'bonferroni'))).toBe(3);
    expect(rejected(adjustPValues(published, 'benjamini-yekutieli'))).toBe(3);
    const expected = [0.0015, 0.003, 0.0095, 0.035625, 0.0603, 0.063857, 0.063857, 0.0645, 0.0765];
    expected.forEach((p, at) => expect(adjusted[at]).toBeCloseTo(p, 6));
    expect(adjustPValues(published, 'benjamini-yekutieli')[3]).toBeCloseTo(0.11821190788378289, 9);
  });

  it('does not depend on the order given', () => {
    const reversed = adjustPValues([...published].reverse(), 'benjamini-hochberg').reverse();

    expect(reversed).toEqual(adjustPValues(published, 'benjamini-hochberg'));
    expect(() => adjustPValues([1.1], 'bonferroni')).toThrow('pValues[0]');
  });

  it('the Kolmogorov-Smirnov test on frozen bins keeps its level', () => {
    const edges = range(1, 100).map((at) => at / 100);
    const binned = (values: number[]) => {
      const counts = new Array<number>(100).fill(0);
      for (const value of values) counts[edges.filter((edge) => value >= edge).length]! += 1;
      return counts;
    };
    let rejections = 0;
    for (let run = 0; run < 200; run++)
      if (
        ksTestOnCounts(binned(uniforms(run, 200)), binned(uniforms(run + 5_000, 200))).pValue < 0.05
      )
        rejections += 1;

    expect(rejections / 200).toBeLessThan(0.05 + 3 * Math.sqrt((0.05 * 0.95) / 200));
    expect(ksTest(normals(1, 500), normals(2, 500, { mean: 0.5 })).pValue).toBeLessThan(1e-6);
  });
});
