import { canonicalJson } from '@flywheel/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { uniforms } from '../testing.ts';
import { pairedAuc, rocAuc } from './auc.ts';
import { confusionMetrics, confusionOf } from './confusion.ts';
import { expectedAuc, expectedConfusion } from './estimated-quality.ts';
import type { Measured } from './measured.ts';
import { averagePrecision, bestThreshold } from './ranking.ts';
import { RegressionErrors } from './regression-errors.ts';
import { ScoreLabelTable } from './score-label-table.ts';

// Forty rows; expected values from scikit-learn.
const scores = [
  0.87, 0.56, 0.96, 0.0, 0.34, 0.77, 0.69, 0.56, 0.66, 0.88, 0.68, 0.55, 0.56, 0.67, 0.32, 0.67,
  0.62, 0.79, 0.48, 0.03, 0.54, 0.86, 0.64, 0.64, 0.39, 0.36, 0.72, 0.08, 0.87, 0.88, 0.96, 0.14,
  0.12, 0.89, 0.4, 0.27, 0.38, 0.66, 0.16, 0.49,
];
const labels = [
  1, 0, 1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1, 0, 0, 1, 1, 1, 0, 1, 1, 0, 1, 1, 1, 0, 0,
  1, 1, 1, 0, 0, 0, 1,
] as (0 | 1)[];

const valueIn = (measured: Measured) => {
  if (measured.kind === 'undefined') throw new Error(measured.reason);
  return measured.value;
};

/** DeLong's variance straight from the definition: the kernel over all pairs. */
function bruteForce(first: readonly number[], second: readonly number[], truth: readonly number[]) {
  const positives = truth.flatMap((label, row) => (label === 1 ? [row] : []));
  const negatives = truth.flatMap((label, row) => (label === 0 ? [row] : []));
  const kernel = (s: readonly number[], p: number, n: number) =>
    s[p]! > s[n]! ? 1 : s[p] === s[n] ? 0.5 : 0;
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = (values: number[]) => {
    const centre = mean(values);
    return values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1);
  };
  const gap = (p: number, n: number) => kernel(second, p, n) - kernel(first, p, n);
  const v10 = positives.map((p) => mean(negatives.map((n) => gap(p, n))));
  const v01 = negatives.map((n) => mean(positives.map((p) => gap(p, n))));
  return {
    difference: mean(v10),
    error: Math.sqrt(variance(v10) / v10.length + variance(v01) / v01.length),
  };
}

describe('AUC', () => {
  it('agrees with an independent implementation, ties included', () => {
    expect(valueIn(rocAuc(scores, labels))).toBeCloseTo(0.816919191919192, 12);
    expect(valueIn(averagePrecision(scores, labels))).toBeCloseTo(0.8606004240833558, 12);
  });

  it('has the standard error of the definition', () => {
    const zero = scores.map(() => 0.5);
    const expected = bruteForce(zero, scores, labels);
    const found = rocAuc(scores, labels);

    if (found.kind !== 'value') throw new Error('undefined');
    expect(found.value - 0.5).toBeCloseTo(expected.difference, 12);
    expect(found.standardError).toBeCloseTo(expected.error, 12);
    expect(found.high - found.low).toBeCloseTo(2 * 1.959963984540054 * expected.error, 9);
  });

  it('compares two models on the same rows as the definition does', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(9), fc.nat(9), fc.constantFrom(0, 1)), {
          minLength: 8,
          maxLength: 40,
        }),
        (rows) => {
          const [first, second] = [rows.map((row) => row[0]), rows.map((row) => row[1])];
          const truth = rows.map((row) => row[2]);
          const positives = truth.filter((label) => label === 1).length;
          if (positives < 2 || rows.length - positives < 2) return;
          const expected = bruteForce(first, second, truth);
          const found = pairedAuc(first, second, truth);

          if (found.kind !== 'value') throw new Error('undefined');
          expect(found.difference).toBeCloseTo(expected.difference, 10);
          expect(found.standardError).toBeCloseTo(expected.error, 10);
        },
      ),
    );
  });

  it('sees no difference between a model and itself', () => {
    expect(pairedAuc(scores, scores, labels)).toMatchObject({ difference: 0, pValue: 1 });
  });

  it('is undefined, with the reason, while only one class has labels', () => {
    const onlyZeros = uniforms(1, 20);
    const table = ScoreLabelTable.of(
      onlyZeros,
      onlyZeros.map(() => 0 as const),
    );

    expect(
      rocAuc(
        onlyZeros,
        onlyZeros.map(() => 0 as const),
      ),
    ).toEqual({
      kind: 'undefined',
      reason: 'one class',
    });
    expect(table.auc()).toEqual({ kind: 'undefined', reason: 'one class' });
    expect(table.averagePrecision()).toEqual({ kind: 'undefined', reason: 'no positives' });
    expect(rocAuc([], [])).toEqual({ kind: 'undefined', reason: 'no rows' });
  });

  it('has an honest interval when the classes separate perfectly', () => {
    const found = rocAuc([0.1, 0.2, 0.3, 0.4, 0.8, 0.9], [0, 0, 0, 0, 1, 1]);

    // Two disjoint pairs, both right: the exact lower bound is 0.025^(1/2).
    expect(found).toMatchObject({ value: 1, high: 1 });
    expect(found.kind === 'value' && found.low).toBeCloseTo(Math.sqrt(0.025), 9);
  });

  it('covers the truth about as often as it says', () => {
    // Scores u uniform, P(label = 1) = u: the AUC is 5 / 6.
    let covered = 0;
    for (let run = 0; run < 400; run++) {
      const s = uniforms(run, 150);
      const y = uniforms(run + 1_000_000, 150).map((draw, row) => draw < s[row]!);
      const found = rocAuc(s, y);
      if (found.kind === 'value' && found.low <= 5 / 6 && found.high >= 5 / 6) covered += 1;
    }

    expect(covered / 400).toBeGreaterThan(0.91);
    expect(covered / 400).toBeLessThan(0.98);
  });
});

describe('ranking metrics do not depend on the order of equal scores', () => {
  it.each([[[1, 0]], [[0, 1]]])('two equal scores, labels %j', (pair) => {
    const truth = pair as (0 | 1)[];

    expect(valueIn(averagePrecision([0.5, 0.5], truth))).toBe(0.5);
    expect(valueIn(rocAuc([0.5, 0.5], truth))).toBe(0.5);
    expect(valueIn(bestThreshold([0.5, 0.5], truth, 'accuracy'))).toBe(0.5);
    expect(valueIn(bestThreshold([0.5, 0.5], truth, 'f1'))).toBeCloseTo(2 / 3, 12);
  });

  it('a flat score on one positive in ten thousand', () => {
    const flat = new Array<number>(10_000).fill(0.3);
    const truth = flat.map((_, row) => row === 5_000);

    expect(valueIn(averagePrecision(flat, truth))).toBeCloseTo(0.0001, 12);
    expect(valueIn(rocAuc(flat, truth))).toBe(0.5);
  });

  it('the best threshold is where predicting positive begins', () => {
    expect(bestThreshold([0.1, 0.4, 0.6, 0.9], [0, 0, 1, 1], 'accuracy')).toEqual({
      kind: 'value',
      threshold: 0.6,
      value: 1,
    });
  });
});

describe('score-by-label table', () => {
  const table = ScoreLabelTable.of(scores, labels);

  it('agrees with an independent implementation', () => {
    const auc = table.auc();

    expect(valueIn(auc)).toBeCloseTo(0.816919191919192, 12);
    expect(valueIn(table.averagePrecision())).toBeCloseTo(0.8606004240833558, 12);
    expect(valueIn(table.logLoss())).toBeCloseTo(0.49871130810030306, 9);
    expect(valueIn(table.brier())).toBeCloseTo(0.17133250000000003, 12);
    const metrics = confusionMetrics(table.confusionAt(0.5));
    expect(valueIn(metrics.matthews)).toBeCloseTo(0.33734954246999327, 12);
    expect(valueIn(metrics.kappa)).toBeCloseTo(1 / 3, 12);
  });

  it('puts every score k / 1000 on the upper side of threshold k / 1000', () => {
    for (let k = 1; k < 1_000; k++)
      expect(ScoreLabelTable.of([k / 1_000], [1]).confusionAt(k / 1_000).truePositives).toBe(1);
  });

  it('knows how far binning can be off', () => {
    const s = uniforms(21, 3_000).map((draw) => draw ** 2);
    const y = uniforms(22, 3_000).map((draw, row) => draw < s[row]!);
    const exact = valueIn(rocAuc(s, y));

    for (const bins of [10, 100, 1_000]) {
      const binned = ScoreLabelTable.of(s, y, { bins }).auc();
      if (binned.kind !== 'value') throw new Error('undefined');
      expect(Math.abs(binned.value - exact)).toBeLessThanOrEqual(binned.binningError + 1e-12);
    }
    const fine = ScoreLabelTable.of(s, y).auc();
    const whole = rocAuc(s, y);
    if (fine.kind !== 'value' || whole.kind !== 'value') throw new Error('undefined');
    expect(fine.standardError / whole.standardError).toBeCloseTo(1, 2);
  });

  it('measures calibration against the mean score of each range', () => {
    const small = ScoreLabelTable.of([0.12, 0.18, 0.9, 0.9], [0, 1, 1, 1]);

    expect(small.calibration(10)).toEqual([
      { rows: 2, meanScore: expect.closeTo(0.15, 6) as number, positiveShare: 0.5 },
      { rows: 2, meanScore: expect.closeTo(0.9, 6) as number, positiveShare: 1 },
    ]);
    expect(valueIn(small.calibrationError(10))).toBeCloseTo(0.5 * 0.35 + 0.5 * 0.1, 6);
  });

  const row = fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.boolean());
  const of = (rows: [number, boolean][]) =>
    ScoreLabelTable.of(
      rows.map(([score]) => score),
      rows.map(([, label]) => label),
    );
  const bytes = (of: ScoreLabelTable) => canonicalJson(of.toJSON());

  it('is the same whatever the order, the merging and the corrections', () => {
    fc.assert(
      fc.property(fc.array(row), fc.array(row), row, (x, y, late) => {
        const whole = bytes(of([...y, ...x]));
        const corrected = of([...x, late]).merge(of(y));
        corrected.remove(...late);

        expect(bytes(of(x).merge(of(y)))).toBe(whole);
        expect(bytes(corrected)).toBe(whole);
        expect(bytes(of(x).merge(of(y)).subtract(of(y)))).toBe(bytes(of(x)));
        expect(bytes(ScoreLabelTable.fromJSON(JSON.parse(whole)))).toBe(whole);
      }),
    );
  });

  it('stays finite when a sure score is wrong', () => {
    expect(valueIn(ScoreLabelTable.of([0, 1], [1, 0]).logLoss())).toBeCloseTo(34.5, 1);
  });

  it('refuses scores and thresholds it cannot place', () => {
    expect(() => {
      table.clone().add(1.2, 1);
    }).toThrow('score');
    expect(() => {
      table.clone().add(NaN, 1);
    }).toThrow('score');
    expect(() => table.confusionAt(0.50005)).toThrow('threshold');
    expect(() => ScoreLabelTable.fromJSON({ bins: 10, cells: [[10, 1, 1, 1]] })).toThrow(
      'cells[0]',
    );
  });
});

describe('confusion', () => {
  it('says why a rate does not exist', () => {
    const none = confusionMetrics(confusionOf([{ label: false, predicted: false }]));

    expect(none.recall).toEqual({ kind: 'undefined', reason: 'no positives' });
    expect(none.precision).toEqual({ kind: 'undefined', reason: 'no predicted positives' });
    expect(none.f1).toEqual({ kind: 'undefined', reason: 'no positives' });
    expect(none.matthews).toEqual({ kind: 'undefined', reason: 'one class' });
    expect(none.specificity).toEqual({ kind: 'value', value: 1 });
  });
});

describe('quality without labels', () => {
  const nine = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

  it('gives the known expected cells', () => {
    const cells = expectedConfusion(
      nine.map((score) => ({ rows: 1, scoreSum: score, predicted: score >= 0.5 })),
    );
    const metrics = confusionMetrics(cells);

    expect(cells.truePositives).toBeCloseTo(3.5, 9);
    expect(cells.falsePositives).toBeCloseTo(1.5, 9);
    expect(cells.falseNegatives).toBeCloseTo(1, 9);
    expect(cells.trueNegatives).toBeCloseTo(3, 9);
    expect(valueIn(metrics.accuracy)).toBeCloseTo(0.722222, 6);
    expect(valueIn(metrics.precision)).toBeCloseTo(0.7, 6);
    expect(valueIn(metrics.recall)).toBeCloseTo(0.777778, 6);
    expect(valueIn(metrics.f1)).toBeCloseTo(0.736842, 6);
    expect(valueIn(expectedAuc(nine))).toBeCloseTo(0.796296, 6);
  });

  it('comes out of the score table too', () => {
    const cells = ScoreLabelTable.of(
      nine,
      nine.map(() => 0 as const),
    ).expectedConfusionAt(0.5);

    expect(cells.truePositives).toBeCloseTo(3.5, 6);
    expect(cells.trueNegatives).toBeCloseTo(3, 6);
  });
});

describe('regression errors', () => {
  const pairs = [
    [2.5, 3],
    [0, -0.5],
    [2, 2],
    [8, 7],
  ] as const;
  const errors = new RegressionErrors();
  for (const [predicted, actual] of pairs) errors.add(predicted, actual);

  it('agree with the textbook', () => {
    expect(valueIn(errors.meanSquaredError())).toBeCloseTo(0.375, 12);
    expect(valueIn(errors.meanAbsoluteError())).toBeCloseTo(0.5, 12);
    expect(valueIn(errors.rSquared())).toBeCloseTo(0.9486081370449679, 12);
    expect(valueIn(errors.bias())).toBeCloseTo(0.25, 12);
    expect(valueIn(errors.rootMeanSquaredError())).toBeCloseTo(Math.sqrt(0.375), 12);
  });

  it('forget what is taken back, survive JSON and say what is undefined', () => {
    const copy = RegressionErrors.fromJSON(JSON.parse(JSON.stringify(errors)));
    for (const [predicted, actual] of pairs) copy.remove(predicted, actual);
    const constant = new RegressionErrors();
    constant.add(1, 5);
    constant.add(2, 5);

    expect(copy.toJSON()).toEqual(new RegressionErrors().toJSON());
    expect(copy.bias()).toEqual({ kind: 'undefined', reason: 'no rows' });
    expect(constant.rSquared()).toEqual({ kind: 'undefined', reason: 'no spread' });
  });
});
