import { describe, expect, it } from 'vitest';
import { confusionMetrics, confusionOf } from '../quality/confusion.ts';
import type { Confusion } from '../quality/confusion.ts';
import type { Measured } from '../quality/measured.ts';
import { groupGaps } from './group-gaps.ts';

// The eighteen rows of Fairlearn's user guide.
const truth = '0 1 1 1 1 0 1 0 1 0 0 0 1 1 1 1 1 1'.split(' ').map((digit) => digit === '1');
const answers = '0 0 1 0 1 1 1 0 0 1 1 1 1 0 0 1 1 0'.split(' ').map((digit) => digit === '1');
const groupOf = 'b b a b b c c c a a c a b c c b c c'.split(' ');
const cellsOf = (chosen: (group: string) => boolean) =>
  confusionOf(
    truth.flatMap((label, row) =>
      chosen(groupOf[row]!) ? [{ label, predicted: answers[row]! }] : [],
    ),
  );
const valueIn = (measured: Measured) => {
  if (measured.kind === 'undefined') throw new Error(measured.reason);
  return measured.value;
};

describe('group gaps', () => {
  it('have the known answers', () => {
    const gaps = groupGaps(
      {
        a: cellsOf((group) => group === 'a'),
        b: cellsOf((group) => group === 'b'),
        c: cellsOf((group) => group === 'c'),
      },
      { minimumRows: 1 },
    );
    const overall = confusionMetrics(cellsOf(() => true));
    const rates = gaps.groups.map(({ rows, metrics }) => [
      valueIn(metrics.recall),
      valueIn(metrics.falsePositiveRate),
      valueIn(metrics.selectionRate),
      rows,
    ]);

    expect(valueIn(overall.recall)).toBeCloseTo(0.5, 6);
    expect(valueIn(overall.falsePositiveRate)).toBeCloseTo(0.666667, 6);
    expect(valueIn(overall.selectionRate)).toBeCloseTo(0.555556, 6);
    expect(rates[0]).toEqual([0.5, 1, 0.75, 4]);
    expect(rates[1]).toEqual([expect.closeTo(0.6, 9), 0, 0.5, 6]);
    expect(rates[2]).toEqual([expect.closeTo(0.4, 9), expect.closeTo(2 / 3, 9), 0.5, 8]);
    expect(valueIn(gaps.demographicParity.difference)).toBeCloseTo(0.25, 9);
    expect(valueIn(gaps.demographicParity.ratio)).toBeCloseTo(2 / 3, 9);
    expect(valueIn(gaps.equalizedOdds.difference)).toBeCloseTo(1, 9);
    expect(valueIn(gaps.equalizedOdds.ratio)).toBeCloseTo(0, 9);
  });

  it('that cannot be computed are never 0', () => {
    const cells = (tp: number, fn: number, rest: number): Confusion => ({
      truePositives: tp,
      falseNegatives: fn,
      falsePositives: 0,
      trueNegatives: rest,
    });
    const gaps = groupGaps({
      A: cells(4, 1, 5),
      B: cells(0, 0, 6),
      C: cells(1, 0, 0),
      D: cells(0, 0, 0),
      missing: cells(1, 1, 0),
    });
    const row = (name: string) => gaps.groups.find(({ group }) => group === name);

    expect(row('A')?.metrics.recall).toEqual({ kind: 'value', value: 0.8 });
    expect(row('B')?.metrics.recall).toEqual({ kind: 'undefined', reason: 'no positives' });
    expect(gaps.equalOpportunity.difference).toEqual({
      kind: 'undefined',
      reason: 'undefined in a group',
    });
    expect(gaps.equalizedOdds.ratio.kind).toBe('undefined');
    expect(gaps.groups.map(({ group, rows, tooSmall }) => [group, rows, tooSmall])).toEqual([
      ['A', 10, false],
      ['B', 6, false],
      ['C', 1, true],
      ['D', 0, true],
      ['missing', 2, true],
    ]);
    expect(groupGaps({ A: cells(4, 1, 5) }).demographicParity.ratio).toEqual({
      kind: 'undefined',
      reason: 'fewer than two groups',
    });
  });
});
