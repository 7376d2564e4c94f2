import { canonicalJson } from '@flywheel/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normalAt, randomAt } from '../random/counter-random.ts';
import { BoundedMeanSequence } from './bounded-mean.ts';
import { discordantEvidence } from './discordant-evidence.ts';
import { forecastPairedTest, forecastSequentialPairs, forecastUnpairedTest } from './forecast.ts';
import { sequenceHalfWidth } from './mean-sequence.ts';
import { PairedComparison } from './paired-comparison.ts';
import type { LossPair } from './paired-comparison.ts';
import { sampleRatio } from './sample-ratio.ts';

/** An upper bound that a rate of `rate` in `trials` trials passes in all but one run of a thousand. */
const atMost = (rate: number, trials: number) =>
  rate + 3.1 * Math.sqrt((rate * (1 - rate)) / trials);

describe('evidence of discordant pairs', () => {
  it.each([
    [10, 2, 4.77],
    [30, 12, 9.25],
    [121, 59, 4_731],
  ])('%d against %d', (b, c, expected) => {
    expect(discordantEvidence(b, c).eValue / expected).toBeCloseTo(1, 2);
    expect(discordantEvidence(c, b).eValue).toBeCloseTo(discordantEvidence(b, c).eValue, 9);
  });

  it('is exact for large counts', () => {
    expect(discordantEvidence(1e6, 1e6).logEValue).toBeCloseTo(-7.028537889942527, 6);
    expect(discordantEvidence(121, 59).logEValue).toBeCloseTo(8.461889776474436, 10);
    expect(discordantEvidence(1e6, 0).eValue).toBe(Number.MAX_VALUE);
  });

  it('is the average of its two sides', () => {
    fc.assert(
      fc.property(fc.nat(400), fc.nat(400), (b, c) => {
        const { eValue, candidateEValue, championEValue } = discordantEvidence(b, c);

        expect((candidateEValue + championEValue) / 2 / eValue).toBeCloseTo(1, 9);
      }),
    );
  });

  it('one side equals the integral it stands for', () => {
    const [championOnly, candidateOnly] = [3, 9];
    let integral = 0;
    const steps = 200_000;
    for (let at = 0; at < steps; at++) {
      const share = 0.5 + (at + 0.5) / steps / 2;
      integral += (share ** candidateOnly * (1 - share) ** championOnly * 2 ** 12) / steps;
    }

    expect(discordantEvidence(championOnly, candidateOnly).candidateEValue).toBeCloseTo(
      integral,
      6,
    );
  });

  it('starts at 1 and refuses what is no count', () => {
    expect(discordantEvidence(0, 0)).toMatchObject({
      eValue: expect.closeTo(1, 12) as number,
      candidateEValue: expect.closeTo(1, 12) as number,
    });
    expect(() => discordantEvidence(-1, 0)).toThrow('championOnly');
    expect(() => discordantEvidence(0, 0.5)).toThrow('candidateOnly');
  });

  it('raises a false alarm in at most alpha of all streams, looked at after every pair', () => {
    const runs = 2_000;
    const table = new Map<number, boolean>();
    let alarms = 0;
    for (let run = 0; run < runs; run++) {
      let wins = 0;
      for (let pairs = 1; pairs <= 400; pairs++) {
        if (randomAt(run, pairs) < 0.5) wins += 1;
        const key = pairs * 1_000 + wins;
        let alarm = table.get(key);
        if (alarm === undefined) {
          alarm = discordantEvidence(pairs - wins, wins).eValue >= 20;
          table.set(key, alarm);
        }
        if (alarm) {
          alarms += 1;
          break;
        }
      }
    }

    expect(alarms / runs).toBeLessThanOrEqual(atMost(0.05, runs));
    expect(alarms).toBeGreaterThan(0);
  });
});

describe('confidence sequence of a mean', () => {
  it.each([
    [100, 0.183],
    [1_000, 0.048],
    [10_000, 0.0164],
  ])('has the known half-width at %d', (n, expected) => {
    expect(0.5 * sequenceHalfWidth(n, 0.05, { rho: 0.1 })).toBeCloseTo(expected, 3);
  });

  it('is finite at any level', () => {
    for (const alpha of [1.6e-6, 1e-300])
      expect(Number.isFinite(sequenceHalfWidth(1_000_000, alpha))).toBe(true);
    expect(sequenceHalfWidth(0, 0.05)).toBe(Infinity);
    expect(() => sequenceHalfWidth(1, 0)).toThrow('alpha');
  });

  it('covers the mean at every look', () => {
    const runs = 400;
    const bound = Float64Array.from({ length: 2_001 }, (_, n) => sequenceHalfWidth(n, 0.05));
    let missed = 0;
    for (let run = 0; run < runs; run++) {
      let sum = 0;
      for (let n = 1; n <= 2_000; n++) {
        sum += randomAt(run, n) < 0.2 ? 2 : -0.5;
        if (n >= 100 && Math.abs(sum / n) > bound[n]!) {
          missed += 1;
          break;
        }
      }
    }

    expect(missed / runs).toBeLessThanOrEqual(atMost(0.05, runs));
  });
});

describe('bounded mean sequence', () => {
  it('covers at every look without any assumption on the shape', () => {
    const runs = 300;
    let missed = 0;
    for (let run = 0; run < runs; run++) {
      const sequence = new BoundedMeanSequence();
      for (let n = 1; n <= 600; n++) {
        // Rare large losses: mean -0.9 * 0.05 + 0.1 * 0.45 = 0.
        sequence.add(randomAt(run, n) < 0.1 ? 0.45 : -0.05);
        const { low, high } = sequence.interval();
        if (low > 0 || high < 0) {
          missed += 1;
          break;
        }
      }
    }

    expect(missed / runs).toBeLessThanOrEqual(atMost(0.05, runs));
  });

  it('narrows with the variance, not with the range', () => {
    const quiet = new BoundedMeanSequence();
    const loud = new BoundedMeanSequence();
    for (let n = 0; n < 5_000; n++) {
      quiet.add(0.1 + 0.02 * (randomAt(1, n) - 0.5));
      loud.add(randomAt(2, n) < 0.55 ? 1 : -1);
    }
    const width = ({ low, high }: { low: number; high: number }) => high - low;

    expect(quiet.interval().low).toBeLessThan(0.1);
    expect(quiet.interval().high).toBeGreaterThan(0.1);
    expect(width(quiet.interval())).toBeLessThan(0.02);
    expect(width(loud.interval())).toBeLessThan(0.15);
  });

  it('goes on after JSON as if nothing had happened', () => {
    const whole = new BoundedMeanSequence({ alpha: 0.01, low: 0, high: 2 });
    let parted = new BoundedMeanSequence({ alpha: 0.01, low: 0, high: 2 });
    for (let n = 0; n < 50; n++) {
      whole.add(2 * randomAt(9, n));
      parted.add(2 * randomAt(9, n));
      parted = BoundedMeanSequence.fromJSON(JSON.parse(JSON.stringify(parted)));
    }

    expect(parted.interval()).toEqual(whole.interval());
    expect(new BoundedMeanSequence().interval()).toEqual({ low: -1, high: 1 });
    expect(() => {
      whole.add(2.1);
    }).toThrow('value');
  });
});

describe('sample ratio', () => {
  it('finds a split that is not the planned one and leaves a planned one alone', () => {
    expect(sampleRatio([9_480, 520], [95, 5]).mismatch).toBe(false);
    expect(sampleRatio([1_000, 4_510, 4_490], [10, 45, 45]).mismatch).toBe(false);
    expect(sampleRatio([9_480, 520], [50, 50])).toMatchObject({ mismatch: true, pValue: 0 });
    expect(sampleRatio([50_000, 48_500], [1, 1]).mismatch).toBe(true);
    expect(sampleRatio([100, 1], [1, 0]).mismatch).toBe(true);
    expect(sampleRatio([0, 0], [1, 1])).toMatchObject({ eValue: 1, pValue: 1 });
  });

  it('is the ratio of marginal to planned likelihood', () => {
    // One observation: the mixture's probability of arm i is its share, so nothing is learnt.
    expect(sampleRatio([1, 0], [0.3, 0.7], { concentration: 5 }).eValue).toBeCloseTo(1, 12);
    // Two of the same arm with concentration k: (k s + 1) / (k + 1) / s.
    expect(sampleRatio([2, 0], [0.25, 0.75], { concentration: 4 }).eValue).toBeCloseTo(
      2 / 5 / 0.25,
      12,
    );
  });

  it('stays quiet on a planned split, looked at all the time', () => {
    let alarms = 0;
    for (let run = 0; run < 100; run++) {
      const counts = [0, 0, 0];
      for (let n = 0; n < 3_000; n++) {
        const draw = randomAt(run, n);
        counts[draw < 0.8 ? 0 : draw < 0.9 ? 1 : 2]! += 1;
        if (
          n % 20 === 0 &&
          sampleRatio(counts, [8, 1, 1], { alpha: 0.05, concentration: 100 }).mismatch
        ) {
          alarms += 1;
          break;
        }
      }
    }

    expect(alarms / 100).toBeLessThanOrEqual(atMost(0.05, 100));
  });
});

describe('paired comparison', () => {
  const hit = (correctChampion: boolean, correctCandidate: boolean): LossPair => ({
    lossChampion: correctChampion ? 0 : 1,
    lossCandidate: correctCandidate ? 0 : 1,
    correctChampion,
    correctCandidate,
  });
  const of = (pairs: readonly LossPair[]) => {
    const comparison = new PairedComparison();
    for (const pair of pairs) comparison.add(pair);
    return comparison;
  };
  const anyPair = fc.record({
    lossChampion: fc.double({ min: 0, max: 35, noNaN: true }),
    lossCandidate: fc.double({ min: 0, max: 35, noNaN: true }),
    correctChampion: fc.boolean(),
    correctCandidate: fc.boolean(),
  });
  const bytes = (comparison: PairedComparison) => canonicalJson(comparison.toJSON());

  /** `share` of the pairs discordant, of which the candidate wins `win`. */
  const drawn = (seed: number, n: number, share: number, win: number): LossPair => {
    if (randomAt(seed, 0, n) >= share) return hit(true, true);
    return randomAt(seed, 1, n) < win ? hit(false, true) : hit(true, false);
  };

  it('ends at the same bytes in any order, merged, corrected, subtracted or stored', () => {
    fc.assert(
      fc.property(fc.array(anyPair), fc.array(anyPair), anyPair, anyPair, (x, y, wrong, right) => {
        const whole = bytes(of([...x, ...y, right]));
        const corrected = of([...y, wrong]).merge(of(x));
        corrected.remove(wrong);
        corrected.add(right);

        expect(bytes(corrected)).toBe(whole);
        expect(bytes(of(x).merge(of(y)).subtract(of(y)))).toBe(bytes(of(x)));
        expect(bytes(PairedComparison.fromJSON(JSON.parse(whole)))).toBe(whole);
      }),
    );
  });

  it('reports counts, evidence and difference from the candidate’s side', () => {
    const pairs = [
      ...new Array<LossPair>(12).fill(hit(true, false)),
      ...new Array<LossPair>(30).fill(hit(false, true)),
      ...new Array<LossPair>(958).fill(hit(true, true)),
    ];
    const summary = of(pairs).summary({ decideBy: 'correctness' });

    expect(summary).toMatchObject({ pairs: 1_000, championOnly: 12, candidateOnly: 30 });
    expect(summary.eValue).toBeCloseTo(9.25, 2);
    expect(summary.candidateEValue).toBeGreaterThan(18);
    expect(summary.meanDifference).toBeCloseTo(0.018, 12);
    expect(summary.accuracyDifference).toBeCloseTo(0.018, 12);
    expect(summary.verdict).toBe('inconclusive');
  });

  it('calls the better one, either way, by correctness and by loss', () => {
    const better = of(Array.from({ length: 6_000 }, (_, n) => drawn(1, n, 0.08, 0.65)));
    const worse = of(Array.from({ length: 6_000 }, (_, n) => drawn(1, n, 0.08, 0.35)));

    for (const decideBy of ['loss', 'correctness'] as const) {
      expect(better.summary({ decideBy }).verdict).toBe('candidate-better');
      expect(worse.summary({ decideBy }).verdict).toBe('champion-better');
    }
  });

  it('calls equal models non-inferior only with a margin', () => {
    const equal = of(Array.from({ length: 8_000 }, (_, n) => drawn(2, n, 0.02, 0.5)));

    for (const decideBy of ['loss', 'correctness'] as const) {
      expect(equal.summary({ decideBy }).verdict).toBe('inconclusive');
      expect(equal.summary({ decideBy, margin: 0.01 }).verdict).toBe('non-inferior');
    }
  });

  it('gives no verdict from pairs without spread, few pairs or none', () => {
    const constant = of(
      new Array<LossPair>(5_000).fill({
        ...hit(true, true),
        lossChampion: 0.3,
        lossCandidate: 0.2,
      }),
    );

    expect(constant.summary()).toMatchObject({ verdict: 'inconclusive', reason: 'no spread' });
    expect(of([hit(true, false)]).summary()).toMatchObject({ reason: 'too few pairs' });
    expect(new PairedComparison().summary()).toMatchObject({
      pairs: 0,
      meanDifference: undefined,
      interval: undefined,
      verdict: 'inconclusive',
    });
    expect(() => {
      new PairedComparison().add({ ...hit(true, true), lossChampion: NaN });
    }).toThrow('lossChampion');
  });

  it('is wrong about equal models in at most alpha of all streams, by loss too', () => {
    const runs = 300;
    let wrong = 0;
    for (let run = 0; run < runs; run++) {
      const comparison = new PairedComparison();
      for (let n = 1; n <= 2_000; n++) {
        // Log-loss-like: mostly tiny differences, sometimes large ones, mean 0.
        const difference = normalAt(run, n) * (n % 10 === 0 ? 1 : 0.05);
        comparison.add({ ...hit(true, true), lossChampion: difference, lossCandidate: 0 });
        if (n < 200 || n % 20 !== 0) continue;
        if (comparison.summary().verdict !== 'inconclusive') {
          wrong += 1;
          break;
        }
      }
    }

    expect(wrong / runs).toBeLessThanOrEqual(atMost(0.05, runs));
  });

  it('finds two points at 8 % discordance within about 3,700 pairs in nine of ten runs', () => {
    const runs = 300;
    let found = 0;
    for (let run = 0; run < runs; run++) {
      const comparison = new PairedComparison();
      for (let n = 1; n <= 3_700; n++) {
        comparison.add(drawn(run + 10_000, n, 0.08, 0.625));
        if (n % 20 !== 0) continue;
        const { verdict } = comparison.summary({ decideBy: 'correctness' });
        if (verdict !== 'inconclusive') {
          if (verdict === 'candidate-better') found += 1;
          break;
        }
      }
    }

    expect(found / runs).toBeGreaterThan(0.9 - 3.1 * Math.sqrt(0.09 / runs));
  });
});

describe('forecasts of the sample size', () => {
  it.each([
    [0.01, 0.05, 3_922],
    [0.01, 0.1, 7_847],
    [0.005, 0.02, 6_277],
  ])('paired, %d at discordance %d', (difference, discordance, expected) => {
    expect(
      Math.abs(forecastPairedTest({ difference, discordance }) - expected),
    ).toBeLessThanOrEqual(1);
  });

  it.each([
    [0.9, 0.01, 14_128],
    [0.95, 0.005, 29_826],
  ])('unpaired at %d', (accuracy, difference, expected) => {
    expect(Math.abs(forecastUnpairedTest({ accuracy, difference }) - expected)).toBeLessThanOrEqual(
      1,
    );
  });

  it('always-valid: about 3,700 pairs for two points at 8 %', () => {
    const pairs = forecastSequentialPairs({ difference: 0.02, discordance: 0.08, power: 0.9 })!;

    expect(pairs).toBeGreaterThan(3_500);
    expect(pairs).toBeLessThan(3_900);
  });

  it('always-valid: the median stop is near the size a fixed test needs', () => {
    const fixed = forecastPairedTest({ difference: 0.02, discordance: 0.08 });
    const median = forecastSequentialPairs({ difference: 0.02, discordance: 0.08, power: 0.5 })!;

    expect(median / fixed).toBeGreaterThan(0.8);
    expect(median / fixed).toBeLessThan(1.3);
  });

  it('refuse plans that cannot be', () => {
    expect(() => forecastPairedTest({ difference: 0.1, discordance: 0.05 })).toThrow('discordance');
    expect(() => forecastPairedTest({ difference: 0, discordance: 0.05 })).toThrow('difference');
  });
});
