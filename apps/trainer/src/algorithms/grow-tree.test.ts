import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyBins, placeTableBins } from './binned-table.ts';
import { TreeGrower } from './grow-tree.ts';
import { tableOf } from './synthetic-table.fixture.ts';
import { leafOf, joinTrees } from './tree-ensemble.ts';
import { rowAt } from './training-table.ts';
import { TreeMemory } from './tree-memory.ts';

const limits = {
  maxLeaves: 2,
  maxDepth: 0,
  minRowsPerLeaf: 1,
  minHessianPerLeaf: 0,
  l2: 1,
  minGain: 0,
};

function grow(
  rows: readonly (readonly number[])[],
  gradients: readonly number[],
  given: Partial<typeof limits> = {},
) {
  const table = tableOf(
    rows,
    rows.map(() => 0),
  );
  const memory = new TreeMemory({
    rowCount: rows.length,
    featureCount: table.features.length,
    histograms: rows.length + 1,
  });
  const bins = placeTableBins(table, 255, 1);
  applyBins(table, bins, memory.columns);
  memory.packRecords();
  const { floats, stride, first } = memory.gradients;
  gradients.forEach((gradient, row) => floats.set([gradient, 1], row * stride + first));
  const grower = new TreeGrower(memory, bins, { ...limits, ...given });
  const features = table.features.map((_, index) => index);
  const all = Uint32Array.from(rows, (_, row) => row);
  const grown = grower.grow(
    all,
    features,
    ({ gradient, hessian }) => -gradient / (hessian + limits.l2),
  );
  return { ...grown, table, bins };
}

const score = (gradients: readonly number[]) =>
  gradients.reduce((sum, gradient) => sum + gradient, 0) ** 2 / (gradients.length + limits.l2);

/** The largest gain of any threshold of any feature, missing values on either side. */
function bestGain(rows: readonly (readonly number[])[], gradients: readonly number[]): number {
  let best = 0;
  const width = rows[0]?.length ?? 0;
  for (let feature = 0; feature < width; feature++)
    for (const threshold of [...rows.map((row) => row[feature]!), Infinity])
      for (const missingLeft of [false, true]) {
        const isLeft = (x: number) => (Number.isNaN(x) ? missingLeft : x <= threshold);
        const left = gradients.filter((_, row) => isLeft(rows[row]![feature]!));
        const right = gradients.filter((_, row) => !isLeft(rows[row]![feature]!));
        if (left.length > 0 && right.length > 0)
          best = Math.max(best, score(left) + score(right) - score(gradients));
      }
  return best;
}

const cell = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constant(NaN));
const dataset = fc.integer({ min: 1, max: 6 }).chain((width) =>
  fc.array(
    fc.record({
      row: fc.array(cell, { minLength: width, maxLength: width }),
      gradient: fc.integer({ min: -8, max: 8 }),
    }),
    { minLength: 2, maxLength: 12 },
  ),
);

describe('growing a tree', () => {
  it('the first split is the best of all that brute force finds', () => {
    fc.assert(
      fc.property(dataset, (data) => {
        const rows = data.map(({ row }) => row);
        const gradients = data.map(({ gradient }) => gradient / 8);
        const { tree } = grow(rows, gradients);

        expect(tree.gain[0]).toBeCloseTo(bestGain(rows, gradients), 5);
      }),
    );
  });

  it('every row lies in the leaf its values lead to, by bins and by thresholds', () => {
    fc.assert(
      fc.property(dataset, (data) => {
        const rows = data.map(({ row }) => row);
        const { tree, leaves, table } = grow(
          rows,
          data.map(({ gradient }) => gradient / 8),
          { maxLeaves: 6 },
        );
        const trees = joinTrees([tree]);
        const seen = leaves.flatMap(({ node, rows: members }) =>
          [...members].map((row) => [row, node] as const),
        );

        expect(seen.length).toBe(rows.length);
        for (const [row, node] of seen) expect(leafOf(trees, 0, rowAt(table, row))).toBe(node);
      }),
    );
  });

  it('no leaf has fewer rows than allowed, and depth is kept', () => {
    const rows = Array.from({ length: 64 }, (_, i) => [i]);
    const gradients = rows.map((_, i) => (((i * 37) % 64) - 32) / 64);

    const { tree } = grow(rows, gradients, { maxLeaves: 64, minRowsPerLeaf: 5, maxDepth: 3 });

    const leafRows = [...tree.rows].filter((_, node) => tree.feature[node]! < 0);
    expect(Math.min(...leafRows)).toBeGreaterThanOrEqual(5);
    expect(leafRows.reduce((sum, count) => sum + count, 0)).toBe(64);
    expect(leafRows.length).toBeLessThanOrEqual(8);
  });

  it('missing against the rest sends every present value left, also values never seen', () => {
    const { tree } = grow([[0], [1], [Infinity], [NaN], [NaN]], [-1, -1, -1, 1, 1]);

    expect(tree.threshold[0]).toBe(Infinity);
    expect(tree.missingLeft[0]).toBe(0);
  });

  it('equal gains go to the lowest feature and the lowest bin', () => {
    const { tree } = grow(
      [
        [1, 1],
        [2, 2],
        [3, 3],
        [4, 4],
      ],
      [1, -1, -1, 1],
    );

    expect(tree.feature[0]).toBe(0);
    expect(tree.threshold[0]).toBe(1.5);
  });

  it('a split with gradients that are all equal is not made', () => {
    expect(grow([[1], [2], [3]], [0.1, 0.1, 0.1]).leaves).toHaveLength(1);
  });

  it('another table is binned by the same bounds', () => {
    const { bins } = grow([[1], [3], [5]], [1, 0, -1]);
    const other = applyBins(tableOf([[0], [2], [2.5], [9], [NaN]], [0, 0, 0, 0, 0]), bins);

    expect([...other.columns[0]!]).toEqual([0, 0, 1, 2, 255]);
    expect(other.hasMissing).toEqual([true]);
  });
});
