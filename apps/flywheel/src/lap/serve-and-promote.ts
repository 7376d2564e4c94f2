import { monitor, registry } from '@flywheel/contracts';
import type { FlightData } from './flights.ts';
import { waitUntil } from './lap-client.ts';
import type { LapClient } from './lap-client.ts';
import type { LapNames } from './lap-names.ts';
import type { StepProgress } from './progress.ts';
import type { Replay } from './replay.ts';
import { waitForRevision } from './stage.ts';
import { ensure } from './step-list.ts';
import type { Facts } from './step-list.ts';

const DAY_MS = 86_400_000;
/** The lap looks at the evidence after this day of May, and every day from then on: it is valid at any time. */
const FIRST_LOOK_DAY = 7;
const LAST_LOOK_DAY = 24;
/** Days that a challenger with its share is watched before it becomes champion. */
const CHALLENGER_DAYS = 3;
const SHARE = 0.2;
/** Requests that May is replayed with, about: of more flights, several share a request. */
const REQUESTS = 60_000;

const day = (number: number) => Date.parse('2001-05-01T00:00:00Z') + (number - 1) * DAY_MS;

type Stand = { client: LapClient; names: LapNames; replay: Replay; progress: StepProgress };

/** Tells how far it is; the first step of simulated time with a failed request is the last. */
function tell(stand: Stand, total: number): (counts: Replay['counts']) => void {
  return ({ rows, requests, failed, firstFailure }) => {
    ensure(
      failed === 0,
      `${failed} of ${requests} requests failed, the first: ${firstFailure ?? ''}`,
    );
    stand.progress.update(rows, total, 'flights');
  };
}

/** Step 7: the first days of May as live requests, with features joined online and the shadow on the log. */
export async function serve(stand: Stand & { flights: FlightData }): Promise<{ facts: Facts }> {
  const total = await stand.flights.count('may');
  stand.replay.load(stand.flights.replay('may', 'date'), {
    rowsPerRequest: Math.ceil(total / REQUESTS),
    pace: 'overlapping',
  });
  await stand.replay.moveTo(day(FIRST_LOOK_DAY), tell(stand, total));
  const { requests, failed } = stand.replay.counts;
  return { facts: { requests, failed, simulatedDays: FIRST_LOOK_DAY - 1 } };
}

/** Step 8: what became of the flights flows back; predictions and outcomes meet. */
export async function feedBack(stand: Stand): Promise<{ facts: Facts }> {
  const reported = stand.replay.feedbackIds;
  const join = await waitUntil(
    'every outcome to be joined',
    () =>
      stand.client.call(monitor.getJoinStatus, {
        params: { endpoint: stand.names.endpoint },
        query: { labelled: reported.size, waitMs: 5000 },
      }),
    (status) => status.labelled === reported.size,
  );
  return {
    facts: {
      feedback: stand.replay.counts.feedback,
      joined: join.labelled,
      pending: join.pending,
      duplicates: join.duplicates,
    },
  };
}

/** Step 9: shadow and champion on the same requests, day after day until the evidence decides. */
export async function evaluate(
  stand: Stand & { flights: FlightData; candidate: registry.ModelVersion },
): Promise<{ facts: Facts; report: monitor.Report; comparison: monitor.Comparison }> {
  const total = await stand.flights.count('may');
  for (let today = FIRST_LOOK_DAY; ; today++) {
    const report = await stand.client.call(monitor.compareVariants, {
      params: { endpoint: stand.names.endpoint },
      body: { candidate: { model: stand.candidate.model, version: stand.candidate.version } },
    });
    const { comparison } = report;
    ensure(comparison !== null, 'the comparison report holds no comparison');
    if (comparison.verdict === 'candidate-better' || today === LAST_LOOK_DAY)
      return {
        facts: {
          verdict: comparison.verdict,
          pairs: comparison.pairs,
          evidence: comparison.evidence,
          agreement: comparison.agreement ?? Number.NaN,
          championAuc: comparison.championQuality?.auc ?? Number.NaN,
          candidateAuc: comparison.candidateQuality?.auc ?? Number.NaN,
          championP95Ms: comparison.championLatencyMs?.p95 ?? Number.NaN,
          candidateP95Ms: comparison.candidateLatencyMs?.p95 ?? Number.NaN,
          looks: today - FIRST_LOOK_DAY + 1,
        },
        report,
        comparison,
      };
    await stand.replay.moveTo(day(today + 1), tell(stand, total));
  }
}

/** Step 10: the gate lets the candidate take a share, then the whole; no request fails meanwhile. */
export async function promote(
  stand: Stand & { flights: FlightData; candidate: registry.ModelVersion },
): Promise<{ facts: Facts; promotion: { promoted: boolean; failedRequests: number } }> {
  const { client, names, replay, candidate } = stand;
  const total = await stand.flights.count('may');
  const before = { ...replay.counts };
  const ask = (to: 'challenger' | 'champion') =>
    client.call(registry.requestPromotion, {
      params: { endpoint: names.endpoint },
      body: {
        model: candidate.model,
        version: candidate.version,
        to,
        share: SHARE,
        requestedBy: 'lap',
        reason: 'better on the same requests',
      },
    });
  // Traffic goes on while the deployment changes: that is when a request could be lost.
  const change = async (to: 'challenger' | 'champion') => {
    const [decision] = await Promise.all([
      ask(to),
      replay.moveTo(replay.nowMs + DAY_MS / 4, tell(stand, total)),
    ]);
    if (decision.decision === 'passed' && decision.revision !== null)
      await waitForRevision(client, names.endpoint, decision.revision);
    return decision;
  };
  const challenger = await change('challenger');
  let champion: registry.Promotion | undefined;
  if (challenger.decision === 'passed') {
    await replay.moveTo(replay.nowMs + CHALLENGER_DAYS * DAY_MS, tell(stand, total));
    champion = await change('champion');
  }
  await replay.moveTo(Date.parse('2001-05-31T23:00:00Z'), tell(stand, total));
  const { failed, retried } = replay.counts;
  const failedRequests = failed + retried - before.failed - before.retried;
  const promoted = champion?.decision === 'passed';
  const refused = (champion ?? challenger).checks
    .filter((check) => !check.passed)
    .map((check) => `${check.name}: ${check.measured} where ${check.required}`);
  return {
    facts: {
      promoted,
      gate: (champion ?? challenger).digest.slice(0, 12),
      ...(refused.length > 0 ? { refused: refused.join('; ') } : {}),
      share: SHARE,
      requests: replay.counts.requests - before.requests,
      failedRequests,
    },
    promotion: { promoted, failedRequests },
  };
}
