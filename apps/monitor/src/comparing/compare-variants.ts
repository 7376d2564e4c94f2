import type { monitor, registry } from '@flywheel/contracts';
import { DDSketch, logLossOf, PairedComparison, ScoreLabelTable } from '@flywheel/stats';
import type { Sql } from '@flywheel/storage';
import { scan } from '../cases/scan-cases.ts';
import { alwaysValidEvidence } from './always-valid-evidence.ts';
import { qualityOf } from './quality-of.ts';

/** A score at or above it is the positive class. */
const THRESHOLD = 0.5;

export type Compared = { variant: string; model: string; version: number };

type PairRow = {
  at_ms: string;
  prediction: string;
  champion_score: number | null;
  champion_ms: number | null;
  candidate_score: number | null;
  candidate_ms: number | null;
  status: string;
  label: number | null;
};

/**
 * Champion and candidate on the same requests, in the order of prediction time: before labels whether they agree, with
 * labels whose losses are smaller. The same cases always give the same comparison.
 */
export async function compareVariants(
  sql: Sql,
  question: {
    endpoint: string;
    champion: Compared;
    candidate: Compared;
    fromMs?: number | undefined;
    toMs?: number | undefined;
    alpha: number;
  },
): Promise<monitor.Comparison> {
  const { endpoint, champion, candidate, alpha } = question;
  const paired = new PairedComparison();
  const tables = { champion: new ScoreLabelTable(), candidate: new ScoreLabelTable() };
  const latencies = { champion: new DDSketch(), candidate: new DDSketch() };
  let answeredPairs = 0;
  let agreements = 0;
  let candidateFailures = 0;
  for await (const rows of scan<PairRow>(sql, {
    columns:
      'c.score as champion_score, c.model_ms as champion_ms, s.score as candidate_score, s.model_ms as candidate_ms, s.status, c.label',
    from: 'shadow_scores s join cases c on c.prediction = s.prediction',
    where:
      's.endpoint = $1 and s.model = $2 and s.version = $3 and c.model = $4 and c.version = $5 and s.at_ms >= $6 and s.at_ms < $7',
    time: 's.at_ms',
    id: 's.prediction',
    values: [
      endpoint,
      candidate.model,
      candidate.version,
      champion.model,
      champion.version,
      question.fromMs ?? -9e15,
      question.toMs ?? 9e15,
    ],
  }))
    for (const row of rows) {
      if (row.status === 'failed') candidateFailures++;
      if (row.champion_score === null || row.candidate_score === null) continue;
      answeredPairs++;
      if (row.champion_ms !== null) latencies.champion.add(row.champion_ms);
      if (row.candidate_ms !== null) latencies.candidate.add(row.candidate_ms);
      const says = {
        champion: row.champion_score >= THRESHOLD,
        candidate: row.candidate_score >= THRESHOLD,
      };
      if (says.champion === says.candidate) agreements++;
      if (row.label === null) continue;
      const label = row.label >= 0.5;
      paired.add({
        lossChampion: logLossOf(row.champion_score, label),
        lossCandidate: logLossOf(row.candidate_score, label),
        correctChampion: says.champion === label,
        correctCandidate: says.candidate === label,
      });
      tables.champion.add(row.champion_score, label);
      tables.candidate.add(row.candidate_score, label);
    }
  const summary = paired.summary({ alpha });
  return {
    champion,
    candidate,
    answeredPairs,
    pairs: summary.pairs,
    coverage: answeredPairs === 0 ? 0 : summary.pairs / answeredPairs,
    championOnly: summary.championOnly,
    candidateOnly: summary.candidateOnly,
    method: 'always-valid confidence sequence of the mean paired log-loss difference',
    alpha,
    evidence: alwaysValidEvidence(paired),
    meanLossDifference: summary.meanDifference ?? null,
    lossDifferenceInterval: summary.interval ? [summary.interval.low, summary.interval.high] : null,
    agreement: answeredPairs === 0 ? null : agreements / answeredPairs,
    championQuality: qualityOf(tables.champion),
    candidateQuality: qualityOf(tables.candidate),
    championLatencyMs: quantiles(latencies.champion),
    candidateLatencyMs: quantiles(latencies.candidate),
    candidateFailures,
    verdict: summary.verdict,
  };
}

function quantiles(sketch: DDSketch): { p50: number; p95: number; p99: number } | null {
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((share) => sketch.quantile(share));
  return p50 === undefined || p95 === undefined || p99 === undefined ? null : { p50, p95, p99 };
}

/** The variant of a deployment that is compared with the candidate: its champion. */
export function championOf(deployment: registry.Deployment): Compared | undefined {
  const champion = deployment.variants.find((variant) => variant.role === 'champion');
  return champion && { variant: champion.name, model: champion.model, version: champion.version };
}
