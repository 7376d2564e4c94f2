import { describe, expect, it } from 'vitest';
import { trainLogisticRegression } from './logistic-regression.ts';
import { areaUnderCurve } from './metrics.ts';
import { scoreModel, scoreTable } from './score-model.ts';
import { parseModel, serializeModel } from './serialize-model.ts';
import { mulberry32, tableOf, uniformTable } from './synthetic-table.fixture.ts';
import { toTrainingTable } from './training-table.ts';

/**
 * 200 rows from mulberry32(3): five uniforms in [-5, 5), the second times 100 plus 1000, the third times 0.01; class 1
 * with the logistic probability of 0.8 x0 - 0.004 (x1 - 1000) + 60 x2 + 0.3; then, if `missing`, each cell is emptied
 * with probability 0.1.
 */
function goldenTable(missing: boolean) {
  const uniform = mulberry32(3);
  const label: number[] = [];
  const rows = Array.from({ length: 200 }, () => {
    const row = Array.from({ length: 5 }, () => uniform() * 10 - 5);
    row[1] = row[1]! * 100 + 1000;
    row[2] = row[2]! * 0.01;
    const z = 0.8 * row[0]! - 0.004 * (row[1] - 1000) + 60 * row[2] + 0.3;
    label.push(uniform() < 1 / (1 + Math.exp(-z)) ? 1 : 0);
    return missing ? row.map((x) => (uniform() < 0.1 ? NaN : x)) : row;
  });
  return tableOf(rows, label);
}

/**
 * scikit-learn 1.x: LogisticRegression(C, tol=1e-14, solver='newton-cholesky') on float32 columns with missing values
 * replaced by the mean and then z-scored; objective = C * sum of log-loss + |w|^2 / 2.
 */
const golden = [
  { missing: false, c: 1, objective: 65.99227580038512, intercept: 0.43949922366891647 },
  { missing: false, c: 0.01, objective: 1.189070435442872, intercept: 0.21386384394703498 },
  { missing: true, c: 1, objective: 78.40007614647908, intercept: 0.31476471827584646 },
  { missing: true, c: 0.01, objective: 1.2261208204703324, intercept: 0.1888097630429699 },
];
const goldenWeights = [2.2143286562881004, -0.9479562979956773, 1.5158881716618962];

describe('logistic regression', () => {
  it.each(golden)('reaches the optimum: missing $missing, C $c', ({ missing, c, ...expected }) => {
    const result = trainLogisticRegression({ table: goldenTable(missing), params: { c } });

    expect(result.objective).toBeCloseTo(expected.objective, 8);
    expect(result.model.intercept).toBeCloseTo(expected.intercept, 6);
    expect(result.warnings).toEqual([]);
  });

  it('its coefficients per standard deviation are those of scikit-learn', () => {
    const table = goldenTable(false);
    const { model } = trainLogisticRegression({ table });

    goldenWeights.forEach((expected, feature) => {
      const values = [...table.features[feature]!.values];
      const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
      const spread = Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length);
      expect(model.coefficient[feature]! * spread).toBeCloseTo(expected, 5);
    });
  });

  it('a weight of 2 is a row that stands twice', () => {
    const { features, label } = goldenTable(true);
    const rows = Array.from(label, (_, row) => features.map(({ values }) => values[row]!));
    const weighted = tableOf(
      rows,
      [...label],
      rows.map((_, row) => (row < 60 ? 2 : 1)),
    );
    const doubled = tableOf([...rows, ...rows.slice(0, 60)], [...label, ...label.slice(0, 60)]);

    const [a, b] = [weighted, doubled].map((table) => trainLogisticRegression({ table }));

    expect(a!.objective).toBeCloseTo(b!.objective, 9);
    expect(a!.model.intercept).toBeCloseTo(b!.model.intercept, 6);
  });

  it('reports falling losses for training and validation', () => {
    const { history, model } = trainLogisticRegression({
      table: goldenTable(false),
      validation: goldenTable(false),
    });

    const last = history.at(-1)!;
    expect(last.trainLogLoss).toBeCloseTo(0.3095793762368959, 7);
    expect(last.validLogLoss).toBeCloseTo(last.trainLogLoss, 6);
    expect(last.validAuc).toBeCloseTo(
      areaUnderCurve(goldenTable(false), scoreTable(model, goldenTable(false))),
      6,
    );
  });

  it('separable data have a finite optimum', () => {
    const table = tableOf([[1], [2], [3], [4]], [0, 0, 1, 1]);
    const { model, warnings } = trainLogisticRegression({ table });

    expect(warnings).toEqual([]);
    expect(scoreModel(model, Float32Array.of(4)).label).toBe(1);
  });

  it('constant and empty columns get weight 0 and a warning', () => {
    const table = tableOf(
      [
        [0.1, NaN, 1],
        [0.1, NaN, 2],
        [0.1, NaN, 3],
      ],
      [0, 1, 1],
    );

    const { model, warnings } = trainLogisticRegression({ table });

    expect([...model.coefficient.slice(0, 2)]).toEqual([0, 0]);
    expect(warnings).toEqual([
      'feature x1 has no value in any row',
      'feature x0 has the same value in every row',
    ]);
    expect(scoreModel(model, Float32Array.of(Infinity, 7, 2)).probabilities[1]).toBeGreaterThan(
      0.5,
    );
  });

  it('an infinite value is refused before training with its column', () => {
    const table = toTrainingTable({
      features: [{ name: 'delay', values: [1, 1e308] }],
      label: [0, 1],
    });

    expect(() => trainLogisticRegression({ table })).toThrow(
      expect.objectContaining({
        details: expect.objectContaining({ field: 'table.features.delay', row: 1 }) as object,
      }) as Error,
    );
  });

  it('too few iterations are said, not hidden', () => {
    const { warnings } = trainLogisticRegression({
      table: goldenTable(false),
      params: { maxIterations: 2 },
    });

    expect(warnings).toEqual(['the optimum was not reached in 2 iterations']);
  });

  it('a model survives its JSON with every bit', () => {
    const { model } = trainLogisticRegression({ table: uniformTable(300, 0.1) });

    expect(parseModel(serializeModel(model))).toEqual(model);
  });
});
