import { describe, expect, it } from 'vitest';
import { registry } from '@flywheel/contracts';
import type { monitor } from '@flywheel/contracts';
import { evaluateGate } from './evaluate-gate.ts';

const champion = { variant: 'm-1', model: 'm', version: 1 };
const candidate = { variant: 'm-2', model: 'm', version: 2 };
const policy = registry.gatePolicy.parse({});

function aReport(change: Partial<monitor.Comparison> = {}): monitor.Report {
  const latency = { p50: 1, p95: 2, p99: 3 };
  return {
    id: 'r1',
    kind: 'comparison',
    endpoint: 'e',
    model: 'm',
    version: 2,
    createdAt: '2001-05-08T00:00:00.000Z',
    from: null,
    to: null,
    drift: [],
    quality: [],
    digest: 'a'.repeat(64),
    comparison: {
      champion,
      candidate,
      answeredPairs: 5000,
      pairs: 4000,
      coverage: 0.8,
      championOnly: 10,
      candidateOnly: 40,
      method: 'test',
      alpha: 0.05,
      evidence: 1000,
      meanLossDifference: 0.01,
      lossDifferenceInterval: [0.005, 0.015],
      agreement: 0.9,
      championQuality: null,
      candidateQuality: null,
      championLatencyMs: latency,
      candidateLatencyMs: latency,
      candidateFailures: 0,
      verdict: 'candidate-better',
      ...change,
    },
  };
}

const failed = (report: monitor.Report | undefined) =>
  evaluateGate({ report, champion, candidate, policy })
    .filter((check) => !check.passed)
    .map((check) => check.name);

describe('the gate', () => {
  it('opens on complete evidence about exactly these two', () => {
    expect(failed(aReport())).toEqual([]);
  });

  it.each([
    [
      'no report at all',
      undefined,
      ['report', 'verdict', 'pairs', 'evidence', 'failures', 'latency'],
    ],
    [
      'a report without a comparison',
      { ...aReport(), comparison: null },
      ['report', 'verdict', 'pairs', 'evidence', 'failures', 'latency'],
    ],
    [
      'a report about another champion',
      aReport({ champion: { ...champion, version: 7 } }),
      ['report', 'verdict', 'pairs', 'evidence', 'failures', 'latency'],
    ],
    [
      'a report about another candidate',
      aReport({ candidate: { ...candidate, version: 7 } }),
      ['report', 'verdict', 'pairs', 'evidence', 'failures', 'latency'],
    ],
    ['an inconclusive verdict', aReport({ verdict: 'inconclusive' }), ['verdict']],
    ['too few pairs', aReport({ pairs: 999 }), ['pairs']],
    ['too little evidence', aReport({ evidence: 19.9 }), ['evidence']],
    ['a candidate that fails', aReport({ candidateFailures: 50 }), ['failures']],
    [
      'a slow candidate',
      aReport({ candidateLatencyMs: { p50: 1, p95: 10.1, p99: 20 } }),
      ['latency'],
    ],
    ['a latency nobody measured', aReport({ candidateLatencyMs: null }), ['latency']],
  ])('stays closed on %s', (_what, report, names) => {
    expect(failed(report)).toEqual(names);
  });
});
