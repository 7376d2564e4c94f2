import { describe, expect, it } from 'vitest';
import {
  averagePrecision,
  brierOf,
  CategoryCounts,
  DDSketch,
  decideDrift,
  forecastSequentialPairs,
  FrozenHistogram,
  groupGaps,
  logLossOf,
  observePersistence,
  PairedComparison,
  quantileEdges,
  randomAt,
  sampleRatio,
  ScoreLabelTable,
  topCategories,
  wilson,
} from './index.ts';
import { normals, shuffled } from './testing.ts';

describe('1. Randomness is an argument', () => {
  it('a draw depends on its seed and indices only, so any worker can make it in any order', () => {
    const forwards = [0, 1, 2, 3].map((trial) => randomAt(42, trial, 7));
    const backwards = [3, 2, 1, 0].map((trial) => randomAt(42, trial, 7)).reverse();

    expect(forwards).toEqual(backwards);
  });
});

describe('2. Summaries are kept per pane and added up', () => {
  // Edges and categories are frozen once, from the training set; what follows is counting.
  const training = normals(1, 5_000);
  const edges = quantileEdges(training, 100);

  it('a window is the sum of its panes; one that slides subtracts the oldest', () => {
    const panes = [2, 3, 4].map((hour) => FrozenHistogram.of(edges, normals(hour, 300)));
    const [first, second, third] = panes as [FrozenHistogram, FrozenHistogram, FrozenHistogram];
    const window = first.clone().merge(second);

    window.merge(third).subtract(first);

    expect(window.toJSON()).toEqual(second.clone().merge(third).toJSON());
  });

  it('state is JSON: store it, send it, read it back', () => {
    const colours = ['red', 'blue', 'red', null];
    const counts = CategoryCounts.of(topCategories(colours, 100), colours);
    const stored = JSON.stringify(counts);

    expect(CategoryCounts.fromJSON(JSON.parse(stored)).countOf('red')).toBe(2);
    expect(DDSketch.fromJSON(JSON.parse(JSON.stringify(DDSketch.of([10, 20, 30])))).count).toBe(3);
  });
});

describe('3. Quality of a window whose labels come late', () => {
  const rows = Array.from({ length: 2_000 }, (_, row) => {
    const score = randomAt(5, row);
    return { score, label: randomAt(6, row) < score };
  });

  it('is a function of one table, whatever the order in which labels came', () => {
    const inOrder = new ScoreLabelTable();
    for (const { score, label } of rows) inOrder.add(score, label);
    const late = new ScoreLabelTable();
    for (const { score, label } of shuffled(rows, 7)) late.add(score, label);
    // A label is corrected: take back what was added, add what is right.
    late.add(0.7, false);
    late.remove(0.7, false);

    expect(JSON.stringify(late)).toBe(JSON.stringify(inOrder));
    const auc = late.auc();
    expect(auc).toMatchObject({ kind: 'value' });
    expect(auc.kind === 'value' && auc.low < 5 / 6 && auc.high > 5 / 6).toBe(true);
  });

  it('says what it does not know', () => {
    const positivesLater = new ScoreLabelTable();
    positivesLater.add(0.2, 0);

    expect(positivesLater.auc()).toEqual({ kind: 'undefined', reason: 'one class' });
    expect(averagePrecision([0.2], [0])).toEqual({ kind: 'undefined', reason: 'no positives' });
    expect(wilson(0, 50).high).toBeGreaterThan(0.07);
  });
});

describe('4. Is the candidate better? Ask as often as you like', () => {
  it('feed pairs, read the verdict', () => {
    const comparison = new PairedComparison();
    for (let request = 0; request < 3_000; request++) {
      const truth = randomAt(11, request);
      const label = randomAt(12, request) < truth;
      const champion = Math.min(0.99, Math.max(0.01, truth + 0.5 * (randomAt(13, request) - 0.5)));
      comparison.add({
        lossChampion: brierOf(champion, label),
        lossCandidate: brierOf(truth, label),
        correctChampion: champion >= 0.5 === label,
        correctCandidate: truth >= 0.5 === label,
      });
    }
    const { verdict, meanDifference, interval } = comparison.summary({ alpha: 0.05 });

    expect(verdict).toBe('candidate-better');
    expect(interval!.low).toBeLessThan(meanDifference!);
    expect(interval!.low).toBeGreaterThan(0);
  });

  it('know beforehand about how long it takes', () => {
    expect(forecastSequentialPairs({ difference: 0.02, discordance: 0.08, power: 0.9 })).toBe(
      3_700,
    );
    expect(logLossOf(0.9, 1)).toBeCloseTo(0.105, 3);
  });

  it('and make sure the traffic is split as planned', () => {
    expect(sampleRatio([80_100, 19_900], [0.8, 0.2]).mismatch).toBe(false);
    expect(sampleRatio([80_000, 18_800], [0.8, 0.2]).mismatch).toBe(true);
  });
});

describe('5. Drift that matters, within a budget of false alarms', () => {
  const training = normals(21, 5_000);
  const edges = quantileEdges(training, 100);
  const reference = FrozenHistogram.of(edges, training);
  const budget = { falseAlarmsPerMonth: 1, featuresChecked: 30, checksPerMonth: 720 };

  it('large and proven, in two of the last three panes', () => {
    let state: readonly boolean[] = [];
    const alarms = [0, 0.8, 0.8].map((shift, hour) => {
      const current = FrozenHistogram.of(edges, normals(30 + hour, 500, { mean: shift }));
      const { verdict } = decideDrift({ reference, current, budget, minimumEffect: 0.1 });
      const observed = observePersistence(state, verdict === 'drifted', { k: 2, r: 3 });
      state = observed.state;
      return observed.alarm;
    });

    expect(alarms).toEqual([false, false, true]);
  });

  it('a column gone missing is a signal of its own', () => {
    const current = FrozenHistogram.of(edges, new Array<null>(50).fill(null));

    expect(decideDrift({ reference, current, budget })).toMatchObject({
      verdict: 'cannot-compute',
      nulls: { change: 'surge' },
    });
  });
});

describe('6. Fairness that cannot be computed is not fairness', () => {
  it('a group without positives leaves the gap open', () => {
    const cells = { truePositives: 4, falseNegatives: 1, falsePositives: 1, trueNegatives: 4 };
    const none = { truePositives: 0, falseNegatives: 0, falsePositives: 1, trueNegatives: 5 };

    expect(groupGaps({ a: cells, b: none }).equalOpportunity.difference.kind).toBe('undefined');
    expect(groupGaps({ a: cells, b: none }).demographicParity.difference.kind).toBe('value');
  });
});
