import fc from 'fast-check';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { trainGradientBoosting } from '../algorithms/gradient-boosting.ts';
import { trainLogisticRegression } from '../algorithms/logistic-regression.ts';
import type { TrainedModel } from '../algorithms/model.ts';
import { scoreModel } from '../algorithms/score-model.ts';
import { mulberry32, tableOf, uniformTable } from '../algorithms/synthetic-table.fixture.ts';
import { rowAt, type TrainingTable } from '../algorithms/training-table.ts';
import { exportModel } from './export-model.ts';
import { spreadRows, verifyParity, type RunOnnx } from './verify-parity.ts';

async function openModel(model: TrainedModel, threads = 1) {
  const session = await InferenceSession.create(exportModel(model), { intraOpNumThreads: threads });
  const runBatch = async (rows: readonly Float32Array[]) => {
    const width = model.featureNames.length;
    const flat = Float32Array.from(rows.flatMap((row) => [...row]));
    const outputs = await session.run({
      features: new Tensor('float32', flat, [rows.length, width]),
    });
    return {
      labels: Array.from(outputs['label']!.data as BigInt64Array, Number),
      probabilities: Array.from(outputs['probabilities']!.data as Float32Array),
      shapes: [outputs['label']!.dims, outputs['probabilities']!.dims],
    };
  };
  const runOnnx: RunOnnx = async (features) => {
    const { labels, probabilities } = await runBatch([features]);
    return { label: labels[0]!, probabilities };
  };
  return { runBatch, runOnnx };
}

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** The next float32 above (or below) a finite one. */
function neighbour(value: number, direction: 1 | -1): number {
  float[0] = value;
  if (value === 0) return direction * 2 ** -149;
  bits[0] = bits[0]! + (value > 0 === (direction === 1) ? 1 : -1);
  return float[0];
}

function randomRows(count: number, width: number, seed = 11): Float32Array[] {
  const uniform = mulberry32(seed);
  return Array.from({ length: count }, () =>
    Float32Array.from({ length: width }, () => uniform() * 6 - 3),
  );
}

/** Rows with an odd value in each column in turn, between ordinary ones. */
function oddRows(width: number, odd: readonly number[]): Float32Array[] {
  return randomRows(1, width).flatMap((plain) =>
    Array.from({ length: width }).flatMap((_, feature) =>
      odd.map((value) => plain.with(feature, value)),
    ),
  );
}

const edgeValues = [NaN, Infinity, -Infinity, 0, -0, 3.4e38, -3.4e38, 1e-45, 1.2e-38];

function thresholdRows(model: TrainedModel): Float32Array[] {
  if (model.kind !== 'gradient-boosting') return [];
  const width = model.featureNames.length;
  const [plain] = randomRows(1, width, 5);
  return [...model.trees.feature].flatMap((feature, node) => {
    const threshold = model.trees.threshold[node]!;
    if (feature < 0 || !Number.isFinite(threshold)) return [];
    return [threshold, neighbour(threshold, 1), neighbour(threshold, -1)].map((value) =>
      plain!.with(feature, value),
    );
  });
}

const table = uniformTable(2_000, 0.1);
const complete = uniformTable(2_000, 0);
const boost = (data: TrainingTable, trees = 60) =>
  trainGradientBoosting({ table: data, seed: 1, params: { trees } }).model;
const models: readonly (readonly [string, TrainedModel, TrainingTable])[] = [
  ['boosting with missing values', boost(table), table],
  ['boosting without missing values', boost(complete), complete],
  ['boosting, 300 trees', boost(table, 300), table],
  ['logistic regression with missing values', trainLogisticRegression({ table }).model, table],
  [
    'logistic regression without',
    trainLogisticRegression({ table: complete, params: { c: 100 } }).model,
    complete,
  ],
];

describe.each(models)('parity with ONNX Runtime: %s', (_, model, data) => {
  it('no bit differs on training rows, random rows, odd values and around thresholds', async () => {
    const { runOnnx } = await openModel(model);
    const rows = [
      ...spreadRows(data, 500),
      ...randomRows(500, 5),
      ...oddRows(5, edgeValues),
      new Float32Array(5).fill(NaN),
      new Float32Array(5).fill(Infinity),
      ...thresholdRows(model).slice(0, 1_500),
    ];

    expect(await verifyParity({ model, rows, runOnnx })).toEqual({
      rows: rows.length,
      differing: 0,
      maxDifference: 0,
    });
  });

  it.each([1, 2])('a batch has the bits of its rows alone, with %i threads', async (threads) => {
    const { runBatch } = await openModel(model, threads);
    const rows = [...spreadRows(data, 1_000), ...oddRows(5, edgeValues)];

    const { labels, probabilities, shapes } = await runBatch(rows);

    const expected = rows.map((row) => scoreModel(model, row));
    expect(labels).toEqual(expected.map(({ label }) => label));
    expect(probabilities).toEqual(expected.flatMap((score) => [...score.probabilities]));
    expect(shapes).toEqual([[rows.length], [rows.length, 2]]);
  });

  it('an empty batch is answered with empty tensors', async () => {
    const { runBatch } = await openModel(model);

    expect(await runBatch([])).toEqual({
      labels: [],
      probabilities: [],
      shapes: [[0], [0, 2]],
    });
  });

  it('probabilities of a row sum to 1', () => {
    for (const row of randomRows(200, 5)) {
      const [no, yes] = scoreModel(model, row).probabilities;
      expect(Math.abs(no + yes - 1)).toBeLessThan(1.2e-7);
    }
  });
});

describe('parity of small and odd models', () => {
  const column = (values: readonly number[], label: readonly number[]) =>
    tableOf(
      values.map((value) => [value]),
      label,
    );
  const expectParity = async (model: TrainedModel, rows: readonly Float32Array[]) => {
    const { runOnnx } = await openModel(model);
    expect((await verifyParity({ model, rows, runOnnx })).differing).toBe(0);
  };
  const tiny = { trees: 5, minRowsPerLeaf: 1, learningRate: 1 };
  const points = (values: readonly number[]) => values.map((value) => Float32Array.of(value));

  it('a model without trees answers its base rate', async () => {
    const table = column(
      new Array<number>(100).fill(1),
      Array.from({ length: 100 }, (_, i) => (i < 10 ? 1 : 0)),
    );
    const { model } = trainGradientBoosting({ table, seed: 1, params: { trees: 20 } });
    const { runOnnx } = await openModel(model);

    const { probabilities } = await runOnnx(Float32Array.of(1));

    expect(probabilities[1]).toBeCloseTo(0.1, 6);
    await expectParity(model, points([1, NaN, Infinity]));
  });

  it('a starting probability without rounds is carried over', async () => {
    const { model } = trainGradientBoosting({
      table: column([1, 2], [0, 1]),
      seed: 1,
      params: { trees: 0, startingProbability: 0.3 },
    });
    const { runOnnx } = await openModel(model);

    expect((await runOnnx(Float32Array.of(1))).probabilities[1]).toBeCloseTo(0.3, 6);
  });

  it('values a float32 step apart go where the trainer sent them', async () => {
    const step = neighbour(Math.fround(0.1), 1);
    const { model } = trainGradientBoosting({
      table: column([0.1, 0.1, 0.1, step, step, step], [0, 0, 0, 1, 1, 1]),
      seed: 1,
      params: tiny,
    });

    expect(scoreModel(model, Float32Array.of(0.1)).label).toBe(0);
    expect(scoreModel(model, Float32Array.of(step)).label).toBe(1);
    await expectParity(model, points([0.1, step, neighbour(step, 1), neighbour(0.1, -1)]));
  });

  it('infinity and missing in one column', async () => {
    const { model } = trainGradientBoosting({
      table: column([0, 1, Infinity, NaN, NaN], [0, 0, 0, 1, 1]),
      seed: 1,
      params: { ...tiny, trees: 30 },
    });

    expect(model.trees.threshold).toContain(Infinity);
    await expectParity(model, points([0, 1, Infinity, -Infinity, NaN, 3.4e38]));
  });

  it('a value missing at scoring only', async () => {
    for (const shift of [0, 100, -100]) {
      const { model } = trainGradientBoosting({
        table: column(
          [-2, -1, 1, 2].map((x) => x + shift),
          [0, 0, 1, 1],
        ),
        seed: 1,
        params: tiny,
      });
      await expectParity(model, points([NaN, shift, shift + 0.5]));
    }
  });

  it('any small table gives a model with parity', async () => {
    const cell = fc.oneof(
      fc.float({ noNaN: true }),
      fc.constantFrom(NaN, Infinity, -Infinity, 0, -0, 3.4e38),
    );
    const rows = fc.array(fc.tuple(cell, cell, fc.constantFrom(0, 1)), {
      minLength: 4,
      maxLength: 30,
    });
    await fc.assert(
      fc.asyncProperty(rows, async (data) => {
        fc.pre(new Set(data.map(([, , label]) => label)).size === 2);
        const table = tableOf(
          data.map(([a, b]) => [a, b]),
          data.map(([, , label]) => label),
        );
        const { model } = trainGradientBoosting({ table, seed: 1, params: tiny });
        await expectParity(
          model,
          data.map((_, row) => rowAt(table, row)),
        );
      }),
      { numRuns: 40 },
    );
  });

  it('a runtime that answers other bits is found out', async () => {
    const { model } = trainGradientBoosting({
      table: column([1, 2], [0, 1]),
      seed: 1,
      params: tiny,
    });
    const runOnnx: RunOnnx = (features) => {
      const { label, probabilities } = scoreModel(model, features);
      const off = features[0] === 2 ? neighbour(probabilities[1], -1) : probabilities[1];
      return Promise.resolve({ label, probabilities: [probabilities[0], off] });
    };

    const report = await verifyParity({ model, rows: points([1, 2]), runOnnx });

    expect(report).toMatchObject({ rows: 2, differing: 1, firstDiffering: { row: 1 } });
    expect(report.maxDifference).toBeGreaterThan(0);
  });
});
