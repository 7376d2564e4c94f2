import { featureStore, monitor, trainer as contracts } from '@flywheel/contracts';
import { AppError } from '@flywheel/core';
import { createOutbox } from '@flywheel/kafka';
import { defineService } from '@flywheel/runtime';
import type { TrainingProgress } from './algorithms/training-progress.ts';
import { config } from './config.ts';
import { onAlertChanged } from './handlers/on-alert-changed.ts';
import { JobQueue } from './jobs/job-queue.ts';
import { JobStore } from './jobs/job-store.ts';
import type { LocalTrainingSet } from './jobs/load-tables.ts';
import { runJob } from './jobs/run-job.ts';
import { migrations } from './migrations.ts';
import { trainerRoutes } from './routes/trainer-routes.ts';
import { StudyRunner } from './studies/study-runner.ts';
import { TrackingClient } from './tracking/tracking-client.ts';

const PROGRESS_EVERY_MS = 1000;

export const trainer = defineService({
  name: 'trainer',
  config,
  start: async (context) => {
    const { bus, clock, http, log, peers, publicObjects, scope, signal, spawn, urlOf } = context;
    const sql = await context.openSql(migrations);
    const outbox = createOutbox({ sql, bus, log });
    spawn('outbox', outbox.relay(signal));
    const store = new JobStore({ sql, outbox });
    const tracking = new TrackingClient({ peers, urlOf, clock });
    const openAnalytics = () =>
      context.openAnalytics({ memoryLimitMb: context.config.TRAINER_LOAD_MEMORY_MB });
    const localTrainingSet = async (id: string): Promise<LocalTrainingSet> => {
      const set = await peers.call(featureStore.getTrainingSet, { params: { id }, query: {} });
      if (!set.data || !set.features)
        throw new AppError('invalid_argument', 'trainingSet: must have finished', {
          details: { field: 'trainingSet', rule: 'must have finished', state: set.state },
        });
      return {
        set,
        features: set.features,
        file: await publicObjects.localFile(set.data.objectKey),
      };
    };
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
      store,
      clock,
      log,
      localTrainingSet,
      onProgress,
      run: (job, hooks) =>
        runJob(job, { tracking, openAnalytics, localTrainingSet, clock, ...hooks }),
    });
    const studies = new StudyRunner({ sql, tracking, localTrainingSet, openAnalytics, clock, log });
    scope.defer(() => Promise.all([jobs.stop(), studies.stop()]));

    bus.subscribe(monitor.alertChanged, onAlertChanged({ store, clock }));
    trainerRoutes(http, { jobs, store, studies });
    await jobs.resume();
    await studies.resume();
  },
});
