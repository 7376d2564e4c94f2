import type { monitor, registry } from '@flywheel/contracts';

export type GateQuestion = {
  /** The monitor's newest comparison of exactly these two, if there is one. */
  report: monitor.Report | undefined;
  champion: { model: string; version: number };
  candidate: { model: string; version: number };
  policy: registry.GatePolicy;
};

/** Checks of a gate, each with what it demands and what was measured. What is not there does not pass: missing evidence is never consent. */
export function evaluateGate({
  report,
  champion,
  candidate,
  policy,
}: GateQuestion): registry.Promotion['checks'] {
  const comparison = report?.comparison ?? undefined;
  const isAboutThem =
    comparison?.champion.model === champion.model &&
    comparison.champion.version === champion.version &&
    comparison.candidate.model === candidate.model &&
    comparison.candidate.version === candidate.version;
  const evidence = isAboutThem ? comparison : undefined;
  const ratio = latencyRatio(evidence);
  const failures = evidence
    ? evidence.candidateFailures / Math.max(1, evidence.answeredPairs + evidence.candidateFailures)
    : undefined;
  return [
    check(
      'report',
      evidence !== undefined,
      'a comparison of candidate and champion',
      report ? (isAboutThem ? `report ${report.id}` : 'the report is about others') : 'none',
    ),
    check(
      'verdict',
      evidence !== undefined && (policy.requireVerdict as string[]).includes(evidence.verdict),
      policy.requireVerdict.join(' or '),
      evidence?.verdict ?? 'none',
    ),
    check(
      'pairs',
      atLeast(evidence?.pairs, policy.minimumPairs),
      `at least ${policy.minimumPairs}`,
      shown(evidence?.pairs),
    ),
    check(
      'evidence',
      atLeast(evidence?.evidence, 1 / policy.alpha),
      `at least ${1 / policy.alpha}`,
      shown(evidence?.evidence),
    ),
    check(
      'failures',
      atMost(failures, policy.maximumFailureRatio),
      `at most ${policy.maximumFailureRatio}`,
      shown(failures),
    ),
    check(
      'latency',
      atMost(ratio, policy.maximumLatencyRatio),
      `p95 at most ${policy.maximumLatencyRatio} times the champion's`,
      shown(ratio),
    ),
  ];
}

function latencyRatio(comparison: monitor.Comparison | undefined): number | undefined {
  const candidate = comparison?.candidateLatencyMs?.p95;
  const champion = comparison?.championLatencyMs?.p95;
  return candidate === undefined || champion === undefined || champion <= 0
    ? undefined
    : candidate / champion;
}

function check(
  name: string,
  passed: boolean,
  required: string,
  measured: string,
): registry.Promotion['checks'][number] {
  return { name, passed, required, measured };
}

function atLeast(value: number | undefined, bound: number): boolean {
  return value !== undefined && value >= bound;
}

function atMost(value: number | undefined, bound: number): boolean {
  return value !== undefined && value <= bound;
}

function shown(value: number | undefined): string {
  return value === undefined ? 'none' : String(Number(value.toPrecision(4)));
}
