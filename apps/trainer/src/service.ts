import { monitor, trainer as contracts } from '@flywheel/contracts';
import { createOutbox } from '@flywheel/kafka';
import { defineService } from '@flywheel/runtime';
import type { ServiceContext } from '@flywheel/runtime';
import type { z } from 'zod';
import type { TrainingProgress } from './algorithms/training-progress.ts';
import { config } from './config.ts';
import { onAlertChanged } from './handlers/on-alert-changed.ts';
import { trainingSetsOf } from './jobs/find-training-set.ts';
import { JobQueue } from './jobs/job-queue.ts';
import { JobStore } from './jobs/job-store.ts';
import { runJob } from './jobs/run-job.ts';
import type { Retries } from './jobs/try-again.ts';
import { migrations } from './migrations.ts';
import { trainerRoutes } from './routes/trainer-routes.ts';
import { StudyRunner } from './studies/study-runner.ts';
import { TrackingClient } from './tracking/tracking-client.ts';

const PROGRESS_EVERY_MS = 1000;

/** The trainer; `waitsMs` pass between the tries of what met something that was away. */
export const trainerWith = ({ waitsMs }: Pick<Retries, 'waitsMs'>) =>
  defineService({ name: 'trainer', config, start: (context) => start(context, waitsMs) });

export const trainer = trainerWith({ waitsMs: [1000, 2000, 4000, 8000, 16_000] });

async function start(
  context: ServiceContext<z.output<typeof config>>,
  waitsMs: Retries['waitsMs'],
): Promise<void> {
  const { bus, clock, http, log, peers, publicObjects, scope, signal, spawn, urlOf } = context;
  const sql = await context.openSql(migrations);
  const outbox = createOutbox({ sql, bus, log });
  spawn('outbox', outbox.relay(signal));
  const store = new JobStore({ sql, outbox });
  const retries = { waitsMs, signal, log };
  const tracking = new TrackingClient({ peers, urlOf, clock, retries });
  const openAnalytics = () =>
    context.openAnalytics({ memoryLimitMb: context.config.TRAINER_LOAD_MEMORY_MB });
  const findTrainingSet = trainingSetsOf({ peers, objects: publicObjects });
  let reportedMs = 0;
  const onProgress = (
    job: string,
    { iteration, iterations, trainLogLoss, validLogLoss }: TrainingProgress,
  ) => {
    if (performance.now() - reportedMs < PROGRESS_EVERY_MS) return;
    reportedMs = performance.now();
    const metrics = { trainLogLoss, ...(validLogLoss === undefined ? {} : { validLogLoss }) };
    // Progress is a courtesy: a log that is away must not fail the training.
    void bus
      .publish(contracts.progressReported, { job, iteration, iterations, metrics })
      .catch((err: unknown) => log.warn({ err, job }, 'progress could not be published'));
  };
  const jobs = new JobQueue({
    ...{ store, clock, log, stopping: signal, waitsMs, findTrainingSet, onProgress },
    hasArtifacts: (uri) => tracking.hasArtifacts(uri),
    run: (job, hooks) =>
      runJob(job, {
        ...{ openAnalytics, findTrainingSet, clock, signal: hooks.retries.signal },
        tracking: new TrackingClient({ peers, urlOf, clock, retries: hooks.retries }),
        onProgress: hooks.onProgress,
      }),
  });
  const studies = new StudyRunner({
    ...{ sql, tracking, findTrainingSet, openAnalytics, clock, retries },
  });
  scope.defer(() => Promise.all([jobs.idle(), studies.idle()]));

  bus.subscribe(monitor.alertChanged, onAlertChanged({ store, clock }));
  trainerRoutes(http, { jobs, store, studies });
  await jobs.resume();
  await studies.resume();
}
