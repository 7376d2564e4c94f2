import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { silentLogger } from '@flywheel/core';
import { router } from '@flywheel/contracts';
import type { LapReport, monitor, registry } from '@flywheel/contracts';
import { createHttpClient } from '@flywheel/http';
import type { LapPlatform } from '../platform/open-platform.ts';
import { buildFeatures } from './build-features.ts';
import { checkRegistration } from './check-registration.ts';
import { FlightData } from './flights.ts';
import { ingestHistory } from './ingest-history.ts';
import { LapClient, waitUntil } from './lap-client.ts';
import { chooseNames } from './lap-names.ts';
import type { Progress } from './progress.ts';
import { quantile } from './quantile.ts';
import { Replay } from './replay.ts';
import { runStudy } from './run-study.ts';
import { evaluate, feedBack, promote, serve } from './serve-and-promote.ts';
import { stage } from './stage.ts';
import { StepFailed, StepList } from './step-list.ts';
import { trainRelease } from './train-release.ts';
import { verifyLog } from './verify-log.ts';
import { watchJune } from './watch-june.ts';

/** The first flight of May is asked for one hour before its departure. */
const SERVING_STARTS_MS = Date.parse('2001-04-30T23:00:00Z');

/** Turns one lap and tells what came of it; a step that fails ends the lap, and the report says which and why. */
export async function runLap(options: {
  platform: LapPlatform;
  rows: number | 'all';
  progress: Progress;
}): Promise<LapReport> {
  const startedMs = performance.now();
  const { platform } = options;
  using folder = workFolder(platform.folder);
  await using http = createHttpClient({ log: silentLogger });
  await using flights = await FlightData.open(options.rows, folder.path);
  const client = new LapClient(platform, http);
  const names = await chooseNames(client);
  const steps = new StepList(options.progress);
  const base = { client, names, flights, folder: folder.path };
  const report: LapReport = {
    ok: false,
    rows: flights.rows,
    seconds: 0,
    steps: steps.steps,
    models: null,
    promotion: null,
    serving: null,
    shadows: null,
    events: {},
    dropped: 0,
    alerts: [],
    addresses: { ...platform.addresses },
  };
  try {
    const ingested = await steps.run('ingest', (progress) => ingestHistory(base, progress));
    const { trainingSet } = await steps.run('features', (progress) =>
      buildFeatures({ ...base, records: ingested.records }, progress),
    );
    const { best } = await steps.run('experiment', (progress) =>
      runStudy({ ...base, trainingSet }, progress),
    );
    const trained = await steps.run('train', (progress) =>
      trainRelease({ ...base, trainingSet, best }, progress),
    );
    const versions = await steps.run('package and register', () =>
      checkRegistration({ ...base, ...trained }),
    );
    await steps.run('stage', () => stage({ ...base, trainingSet, ...versions }));

    const replay = new Replay({ client, names, startMs: SERVING_STARTS_MS });
    await steps.run('serve', (progress) => serve({ ...base, replay, progress }));
    await steps.run('feed back', (progress) => feedBack({ ...base, replay, progress }));
    const { comparison } = await steps.run('evaluate', (progress) =>
      evaluate({ ...base, replay, progress, candidate: versions.candidate }),
    );
    const { promotion } = await steps.run('promote', (progress) =>
      promote({ ...base, replay, progress, candidate: versions.candidate }),
    );
    const mayLatencies = Float64Array.from(replay.latenciesMs);
    const other = promotion.promoted ? versions.champion : versions.candidate;
    const june = await steps.run('watch', (progress) =>
      watchJune({ ...base, replay, other }, progress),
    );

    report.alerts = june.alerts;
    report.models = modelsOnJune(june.comparison, versions, promotion.promoted);
    report.promotion = {
      promoted: promotion.promoted,
      method: comparison.method,
      evidence: comparison.evidence,
      samples: comparison.pairs,
      failedRequests: promotion.failedRequests,
    };
    report.serving = {
      requests: replay.counts.requests,
      failed: replay.counts.failed,
      retried: replay.counts.retried,
      p50Ms: quantile(mayLatencies, 0.5),
      p99Ms: quantile(mayLatencies, 0.99),
    };
    await steps.run('close the books', async () => {
      report.shadows = await closeBooks(client, names.endpoint);
      const verified = await verifyLog(platform.brokers, {
        batches: ingested.acknowledged,
        predictions: replay.predictionIds,
        feedback: replay.feedbackIds,
      });
      report.events = verified.events;
      report.dropped = verified.dropped;
      return {
        facts: {
          eligible: report.shadows.eligible,
          answered: report.shadows.answered,
          dropped: verified.dropped,
        },
      };
    });
    report.ok = report.dropped === 0;
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
  }
  report.seconds = Math.round(performance.now() - startedMs) / 1000;
  return report;
}

/** Laps that run at the same time do not share their files. */
function workFolder(parent: string): Disposable & { readonly path: string } {
  mkdirSync(parent, { recursive: true });
  const path = mkdtempSync(join(parent, 'run-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** Waits until the log and every shadow are through, then adds the books of all shadows together. */
async function closeBooks(client: LapClient, endpoint: string): Promise<router.ShadowBooks> {
  const status = await waitUntil(
    'the shadows to finish',
    () => client.call(router.getEndpointStatus, { params: { endpoint } }),
    (current) => current.log.pending === 0 && current.shadowLag === 0,
  );
  const total: router.ShadowBooks = {
    eligible: 0,
    sampled: 0,
    unsampled: 0,
    sent: 0,
    shed: {},
    answered: 0,
    failed: {},
  };
  for (const books of Object.values(status.shadows)) {
    for (const key of ['eligible', 'sampled', 'unsampled', 'sent', 'answered'] as const)
      total[key] += books[key];
    for (const key of ['shed', 'failed'] as const)
      for (const [reason, count] of Object.entries(books[key]))
        total[key][reason] = (total[key][reason] ?? 0) + count;
  }
  return total;
}

/** Quality of both models on June, which neither was trained on: the champion answered, the other shadowed. */
function modelsOnJune(
  comparison: monitor.Comparison,
  versions: { champion: registry.ModelVersion; candidate: registry.ModelVersion },
  promoted: boolean,
): LapReport['models'] {
  const answered = comparison.championQuality;
  const shadowed = comparison.candidateQuality;
  if (!answered || !shadowed) return null;
  const tell = (version: registry.ModelVersion, quality: typeof answered) => ({
    name: version.model,
    version: version.version,
    digest: version.digest,
    auc: quality.auc,
    aucInterval: quality.aucInterval,
    logLoss: quality.logLoss,
    brier: quality.brier,
  });
  // After the promotion the boosted model is the champion and the baseline its shadow.
  return promoted
    ? { champion: tell(versions.candidate, answered), candidate: tell(versions.champion, shadowed) }
    : {
        champion: tell(versions.champion, answered),
        candidate: tell(versions.candidate, shadowed),
      };
}
