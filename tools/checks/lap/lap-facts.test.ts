import type { LapReport } from '@flywheel/contracts';
import { describe, expect, test } from 'vitest';
import { findLapFaults } from './lap-facts.ts';

const model = { name: 'flight-delay', digest: 'a'.repeat(64), logLoss: 0.5, brier: 0.15 };

function aLap(changes: Partial<LapReport> = {}): LapReport {
  const step = { ok: true, seconds: 1, facts: {} };
  return {
    ok: true,
    rows: 300_123,
    seconds: 120,
    steps: Array.from({ length: 11 }, (_, at) => ({ ...step, name: `step ${at + 1}` })),
    models: {
      champion: { ...model, version: 2, auc: 0.7, aucInterval: [0.69, 0.71] },
      candidate: { ...model, version: 2, auc: 0.7, aucInterval: [0.69, 0.71] },
    },
    promotion: {
      promoted: true,
      method: 'e-value',
      evidence: 40,
      samples: 5000,
      failedRequests: 0,
    },
    serving: { requests: 50_000, failed: 0, retried: 0, p50Ms: 1, p99Ms: 5 },
    shadows: {
      eligible: 10_000,
      sampled: 9000,
      unsampled: 1000,
      sent: 8990,
      shed: { queue: 10 },
      answered: 8988,
      failed: { timeout: 2 },
    },
    events: {
      'ingest.records': 1,
      'features.definitions': 1,
      'inference.predictions': 1,
      'inference.shadows': 1,
      'inference.feedback': 1,
      'inference.outcomes': 1,
      'registry.models': 1,
      'registry.deployments': 1,
      'training.jobs': 1,
      'monitor.reports': 1,
    },
    dropped: 0,
    alerts: [],
    addresses: {},
    ...changes,
  };
}

describe('the facts of a lap', () => {
  test('a sound lap has no faults, however long it took', () => {
    expect(findLapFaults(aLap())).toEqual([]);
    expect(findLapFaults(aLap({ seconds: 100_000 }))).toEqual([]);
  });

  test('a lap with fewer rows is sound where fewer were asked for', () => {
    const small = aLap({ rows: 150_000 });

    expect(findLapFaults(small)).toEqual(['150000 rows are fewer than 300000']);
    expect(findLapFaults(small, 150_000)).toEqual([]);
  });

  test.each<[Partial<LapReport>, string]>([
    [{ ok: false }, 'the lap itself says that it failed'],
    [{ rows: 1000 }, '1000 rows are fewer than 300000'],
    [{ dropped: 3 }, '3 acknowledged events are not in the log'],
    [
      { serving: { requests: 5000, failed: 1, retried: 0, p50Ms: 1, p99Ms: 1 } },
      '1 requests failed',
    ],
    [{ serving: null }, 'unknown requests failed'],
    [{ promotion: null }, 'nothing was promoted'],
    [{ models: null }, 'there are no models'],
    [{ shadows: null }, 'there are no books of the shadows'],
    [{ events: {} }, 'there is no event on ingest.records'],
    [{ steps: [] }, '0 steps are fewer than 11'],
  ])('%j is a fault', (changes, fault) => {
    expect(findLapFaults(aLap(changes))).toContain(fault);
  });

  test('books that do not close are a fault', () => {
    const { shadows } = aLap();

    const faults = findLapFaults(aLap({ shadows: { ...shadows!, answered: 8989 } }));

    expect(faults).toEqual([expect.stringContaining('the books of the shadows do not close')]);
  });

  test('a champion that is hardly better than chance is a fault', () => {
    const { models } = aLap();
    const champion = {
      ...models!.champion,
      auc: 0.55,
      aucInterval: [0.5, 0.6] as [number, number],
    };

    expect(findLapFaults(aLap({ models: { ...models!, champion } }))).toEqual([
      "the champion's AUC is 0.55",
    ]);
  });
});
