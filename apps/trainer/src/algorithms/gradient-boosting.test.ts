import { sha256 } from '@flywheel/core';
import { describe, expect, it } from 'vitest';
import { exportModel } from '../onnx/export-model.ts';
import type { BoostingParams } from './boosting-params.ts';
import { trainGradientBoosting } from './gradient-boosting.ts';
import { areaUnderCurve } from './metrics.ts';
import { scoreModel, scoreRow, scoreTable, unexpectedMissing } from './score-model.ts';
import { parseModel, serializeModel } from './serialize-model.ts';
import { hastieTable, sliceTable, tableOf, uniformTable } from './synthetic-table.fixture.ts';
import type { TrainingTable } from './training-table.ts';

const tiny = { minRowsPerLeaf: 1, trees: 1, learningRate: 1 };

function fit(table: TrainingTable, params: Partial<BoostingParams> = {}, seed = 1) {
  return trainGradientBoosting({ table, params, seed });
}

function column(values: readonly number[], label: readonly number[]): TrainingTable {
  return tableOf(
    values.map((value) => [value]),
    label,
  );
}

describe('gradient boosting', () => {
  it('is as accurate on the Hastie data as scikit-learn with the same settings', () => {
    const table = hastieTable(12_000);
    const test = sliceTable(table, 10_000, 12_000);

    const { model, history } = fit(sliceTable(table, 0, 10_000));

    // HistGradientBoostingClassifier(early_stopping=False) 1.x: AUC 0.98812
    expect(areaUnderCurve(test, scoreTable(model, test))).toBeGreaterThan(0.986);
    expect(history).toHaveLength(100);
  });

  it('its loss falls in every round and ends where the scores are', () => {
    const table = uniformTable(2_000, 0.1);

    const { model, history } = fit(table, { trees: 20 });

    const losses = history.map(({ trainLogLoss }) => trainLogLoss);
    expect(losses).toEqual(losses.toSorted((a, b) => b - a));
    const scores = scoreTable(model, table);
    const loss = scores.reduce(
      (sum, p, row) => sum - Math.log(table.label[row] === 1 ? p : 1 - p),
      0,
    );
    expect(losses.at(-1)).toBeCloseTo(loss / 2_000, 6);
  });

  it('the same inputs give the same bytes, and these on every machine', () => {
    const params = { trees: 10, rowFraction: 0.7, featureFraction: 0.6 };
    const digests = [1, 2].map(() =>
      sha256(exportModel(fit(uniformTable(3_000, 0.1), params).model)),
    );

    expect(digests[0]).toBe(digests[1]);
    expect(digests[0]!.slice(0, 16)).toBe('cb87d1cb2e2fa54a');
  });

  it('another seed samples other rows and features, and still learns', () => {
    const table = uniformTable(3_000);
    const params = { trees: 30, rowFraction: 0.5, featureFraction: 0.6 };
    const [first, second] = [fit(table, params, 1).model, fit(table, params, 2).model];

    expect(serializeModel(first)).not.toBe(serializeModel(second));
    for (const model of [first, second])
      expect(areaUnderCurve(table, scoreTable(model, table))).toBeGreaterThan(0.95);
  });

  it('a row that stands twice and a row of weight 2 are the same', () => {
    const base = uniformTable(200, 0.1);
    const rows = Array.from({ length: 200 }, (_, row) => base.features.map((f) => f.values[row]!));
    const label = [...base.label];
    const once = tableOf(
      rows,
      label,
      rows.map((_, row) => (row < 50 ? 2 : 1)),
    );
    const twice = tableOf(
      [...rows, ...rows.slice(1, 50)],
      [...label, ...label.slice(1, 50)],
      // the first row keeps weight 2, so that both tables have the same largest weight
      [...rows.map((_, row) => (row === 0 ? 2 : 1)), ...rows.slice(1, 50).map(() => 1)],
    );
    const params = { trees: 20, minRowsPerLeaf: 1, minHessianPerLeaf: 1 };

    const [a, b] = [once, twice].map((table) => scoreTable(fit(table, params).model, base));

    expect(a).toEqual(b);
  });

  it('a shuffled order of columns gives the same loss', () => {
    const table = uniformTable(1_000);
    const shuffled = { ...table, features: table.features.toReversed() };
    const last = (t: TrainingTable) => fit(t, { trees: 10 }).history.at(-1)?.trainLogLoss;

    // equal gains are broken by column order, so only the quality is the same
    expect(Math.abs(last(shuffled)! - last(table)!)).toBeLessThan(1e-3);
  });

  it('with nothing to split on the answer is the base rate, or the given one with 0 rounds', () => {
    const label = Array.from({ length: 100 }, (_, i) => (i < 10 ? 1 : 0));
    const table = column(new Array<number>(100).fill(5), label);

    const baseRate = scoreModel(fit(table, { trees: 20 }).model, Float32Array.of(5));
    const given = scoreModel(
      fit(table, { trees: 0, startingProbability: 0.3 }).model,
      Float32Array.of(NaN),
    );

    expect(baseRate.probabilities[1]).toBeCloseTo(0.1, 6);
    expect(given.probabilities[1]).toBeCloseTo(0.3, 6);
  });

  it('a value missing at scoring only means the same wherever the feature lies', () => {
    const scores = [0, 100, -100].map((shift) => {
      const table = column(
        [-2, -1, 1, 2].map((x) => x + shift),
        [0, 0, 1, 1],
      );
      return scoreModel(fit(table, tiny).model, Float32Array.of(NaN)).probabilities[1];
    });

    expect(new Set(scores).size).toBe(1);
  });

  it('a column without missing values in training is flagged when some come later', () => {
    const { model } = fit(column([1, 2, 3, 4], [0, 0, 1, 1]), tiny);

    expect(unexpectedMissing(model, column([1, NaN], [0, 1]))).toEqual(['x0']);
    expect(unexpectedMissing(model, column([1, 2], [0, 1]))).toEqual([]);
    const tolerant = fit(column([1, NaN, 3, 4], [0, 0, 1, 1]), tiny).model;
    expect(unexpectedMissing(tolerant, column([1, NaN], [0, 1]))).toEqual([]);
  });

  it('a missing value goes with the larger side when training had none', () => {
    const { model } = fit(column([1, 2, 3, 4, 5], [0, 0, 0, 1, 1]), { ...tiny, maxLeaves: 2 });

    const missing = scoreModel(model, Float32Array.of(NaN));
    expect(missing).toEqual(scoreModel(model, Float32Array.of(1)));
  });

  it('infinity is a value, not a missing one', () => {
    const table = column([0, 1, Infinity, NaN, NaN], [0, 0, 0, 1, 1]);

    const { model } = fit(table, { ...tiny, trees: 30 });

    const scores = scoreTable(model, table);
    expect(Array.from(scores, (p) => Math.round(p))).toEqual([0, 0, 0, 1, 1]);
    expect(new Set(scores.slice(0, 3)).size).toBe(1);
  });

  it('values that are equal as float32 are one value: accuracy is that of the exported model', () => {
    const rows = [
      ...new Array<number>(10).fill(0.1),
      ...new Array<number>(10).fill(0.10000000149011612),
    ];
    const label = rows.map((_, i) => (i < 10 ? 0 : 1));

    const { model, warnings } = fit(column(rows, label), { trees: 5, minRowsPerLeaf: 1 });

    expect(scoreRow(model, column(rows, label), 0).probabilities).toEqual([0.5, 0.5]);
    expect(warnings).toEqual([expect.stringContaining('0 splits')]);
  });

  it('fewer rows than two leaves need give a flat model with the reason', () => {
    const { warnings } = fit(
      column([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]),
    );

    expect(warnings).toEqual(['0 splits: 10 rows, minimum leaf 20']);
  });

  it('an all-missing column is never split on, with a warning', () => {
    const table = tableOf(
      Array.from({ length: 100 }, (_, i) => [NaN, i]),
      Array.from({ length: 100 }, (_, i) => (i < 50 ? 0 : 1)),
    );

    const { model, warnings } = fit(table, { trees: 3 });

    expect(model.trees.feature).not.toContain(0);
    expect(warnings).toEqual(['feature x0 has no value in any row']);
  });

  it('huge values are sane', () => {
    const table = column([-1e308, -3e38, 0, 1, 3e38, 1e308], [0, 0, 0, 1, 1, 1]);

    const scores = scoreTable(fit(table, { ...tiny, trees: 10 }).model, table);

    expect(Array.from(scores, (p) => Math.round(p))).toEqual([0, 0, 0, 1, 1, 1]);
  });

  it('stops by the validation series and keeps the trees of the best round', () => {
    const table = uniformTable(600, 0, 1);
    const request = {
      table,
      validation: uniformTable(600, 0, 2),
      seed: 1,
      params: {
        trees: 500,
        learningRate: 0.5,
        earlyStopping: { metric: 'logLoss', patience: 5 } as const,
      },
    };

    const { model, history } = trainGradientBoosting(request);

    const losses = history.map(({ validLogLoss }) => validLogLoss!);
    const best = losses.indexOf(Math.min(...losses)) + 1;
    expect(history).toHaveLength(best + 5);
    expect(model.trees.starts).toHaveLength(best + 1);
    const scores = scoreTable(model, request.validation);
    expect(areaUnderCurve(request.validation, scores)).toBeCloseTo(history[best - 1]!.validAuc!, 6);
  });

  it('stops between trees when asked to', () => {
    const controller = new AbortController();
    let rounds = 0;
    const run = () =>
      trainGradientBoosting(
        { table: uniformTable(500), seed: 1 },
        {
          signal: controller.signal,
          onProgress: ({ iteration }) => {
            rounds = iteration;
            if (iteration === 3) controller.abort();
          },
        },
      );

    expect(run).toThrow(expect.objectContaining({ name: 'AbortError' }) as Error);
    expect(rounds).toBe(3);
  });

  it.each([
    ['one class', column([1, 2], [1, 1]), {}, 'table.label'],
    ['a label that is no class', column([1, 2], [0, 2]), {}, 'table.label'],
    ['no rows', column([], []), {}, 'table.rowCount'],
    ['a misspelt parameter', column([1, 2], [0, 1]), { leaves: 3 }, 'params.leaves'],
    ['a rate of 0', column([1, 2], [0, 1]), { learningRate: 0 }, 'params.learningRate'],
    ['256 bins', column([1, 2], [0, 1]), { maxBins: 256 }, 'params.maxBins'],
    [
      'early stopping without validation',
      column([1, 2], [0, 1]),
      { earlyStopping: { metric: 'auc', patience: 2 } },
      'validation',
    ],
    ['a negative weight', tableOf([[1], [2]], [0, 1], [1, -1]), {}, 'table.weight'],
  ])('%s is refused by the name of the field', (_, table, params, field) => {
    expect(() => fit(table, params as Partial<BoostingParams>)).toThrow(
      expect.objectContaining({
        code: 'invalid_argument',
        details: expect.objectContaining({ field }) as object,
      }) as Error,
    );
  });

  it('a model survives its JSON with every bit', () => {
    const { model } = fit(uniformTable(500, 0.2), { trees: 5 });

    expect(parseModel(serializeModel(model))).toEqual(model);
  });
});
