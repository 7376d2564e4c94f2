import { monitor, trainer } from '@flywheel/contracts';
import type { registry } from '@flywheel/contracts';
import type { FlightData } from './flights.ts';
import { waitUntil } from './lap-client.ts';
import type { LapClient } from './lap-client.ts';
import type { LapNames } from './lap-names.ts';
import type { StepProgress } from './progress.ts';
import type { Replay } from './replay.ts';
import { ensure } from './step-list.ts';
import type { Facts } from './step-list.ts';

const ROWS_PER_REQUEST = 16;
const june = { from: '2001-06-01T00:00:00.000Z', to: '2001-07-01T00:00:00.000Z' };

/** Step 11: June is scored; drift and quality are reported, an alert becomes a training proposal: the next lap has begun. */
export async function watchJune(
  {
    client,
    names,
    replay,
    flights,
    other,
  }: {
    client: LapClient;
    names: LapNames;
    replay: Replay;
    flights: FlightData;
    other: registry.ModelVersion;
  },
  progress: StepProgress,
): Promise<{ facts: Facts; alerts: monitor.Alert[]; comparison: monitor.Comparison }> {
  const total = await flights.count('june');
  const before = { ...replay.counts };
  replay.load(flights.replay('june', 'date'), { rowsPerRequest: ROWS_PER_REQUEST, pace: 'inTurn' });
  await replay.moveTo(Date.parse('2001-06-30T23:30:00Z'), (counts) =>
    progress.update(counts.rows - before.rows, total, 'rows'),
  );
  await replay.reportTheRest();
  const scored = replay.counts.rows - before.rows;
  ensure(
    replay.counts.failed === before.failed,
    `requests failed in June, the first: ${replay.counts.firstFailure ?? ''}`,
  );
  ensure(scored === total, `${scored} of ${total} flights of June were scored`);

  const watched = await client.call(
    monitor.watchEndpoint,
    { params: { endpoint: names.endpoint }, body: { ...june, paneHours: 168 } },
    { timeoutMs: 300_000 },
  );
  const compared = await client.call(monitor.compareVariants, {
    params: { endpoint: names.endpoint },
    body: { candidate: { model: other.model, version: other.version }, ...june },
  });
  ensure(compared.comparison !== null, 'the comparison report holds no comparison');
  const drifted = watched.report.drift
    .filter((finding) => finding.verdict === 'drifted')
    .map((finding) => finding.feature);
  const proposals = watched.alerts.length === 0 ? [] : await proposalsFor(client, watched.alerts);
  return {
    facts: {
      rows: scored,
      drifted: drifted.length,
      ...(drifted.length > 0
        ? { features: drifted.slice(0, 4).join(' ') + (drifted.length > 4 ? ' …' : '') }
        : {}),
      panes: watched.report.quality.length,
      alerts: watched.alerts.length,
      proposals: proposals.length,
    },
    alerts: watched.alerts,
    comparison: compared.comparison,
  };
}

async function proposalsFor(
  client: LapClient,
  alerts: readonly monitor.Alert[],
): Promise<trainer.Job[]> {
  const ids = new Set(alerts.map((alert) => alert.id));
  const { jobs } = await waitUntil(
    'the training proposal that follows from the alert',
    () => client.call(trainer.listJobs, { query: { state: 'proposed' } }),
    (answer) =>
      answer.jobs.some((job) => job.cause.reference !== null && ids.has(job.cause.reference)),
  );
  return jobs.filter((job) => job.cause.reference !== null && ids.has(job.cause.reference));
}
