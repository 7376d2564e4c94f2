import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { areaUnderCurve, meanLogLoss } from './metrics.ts';
import { tableOf } from './synthetic-table.fixture.ts';

const labelled = fc.array(
  fc.record({
    score: fc.integer({ min: 0, max: 5 }),
    label: fc.constantFrom(0, 1),
    weight: fc.integer({ min: 0, max: 3 }),
  }),
  { minLength: 1, maxLength: 20 },
);

describe('metrics', () => {
  it('the area under the curve is the weighted share of ordered pairs', () => {
    fc.assert(
      fc.property(labelled, fc.boolean(), (data, isWeighted) => {
        const weights = data.map(({ weight }) => (isWeighted ? weight : 1));
        const table = tableOf(
          data.map(() => [0]),
          data.map(({ label }) => label),
          isWeighted ? weights : undefined,
        );
        let [ordered, pairs] = [0, 0];
        data.forEach((positive, i) =>
          data.forEach((negative, j) => {
            if (positive.label !== 1 || negative.label !== 0) return;
            const weight = weights[i]! * weights[j]!;
            pairs += weight;
            const order = Math.sign(positive.score - negative.score);
            ordered += (weight * (order + 1)) / 2;
          }),
        );

        const area = areaUnderCurve(
          table,
          Float32Array.from(data, ({ score }) => score),
        );

        if (pairs === 0) expect(area).toBeNaN();
        else expect(area).toBeCloseTo(ordered / pairs, 12);
      }),
    );
  });

  it('log-loss is that of the definition, weighted or not', () => {
    const margins = [-3, 2, 0.5, 0, 40, -40, 1, 1, 1, 1];
    const label = [0, 1, 0, 1, 1, 0, 1, 1, 1, 0];
    const weight = [1, 2, 3, 4, 0, 1, 1, 1, 1, 0.5];
    const losses = margins.map((z, i) => Math.log1p(Math.exp(label[i] === 1 ? -z : z)));
    const rows = margins.map(() => [0]);
    const mean = losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
    const weighted =
      losses.reduce((sum, loss, i) => sum + loss * weight[i]!, 0) /
      weight.reduce((sum, w) => sum + w, 0);

    expect(meanLogLoss(tableOf(rows, label), (i) => margins[i]!)).toBeCloseTo(mean, 7);
    expect(meanLogLoss(tableOf(rows, label, weight), (i) => margins[i]!)).toBeCloseTo(weighted, 7);
  });
});
