import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ingestion as contracts, monitor, router, topics } from '@flywheel/contracts';
import { createOutbox } from '@flywheel/kafka';
import { defineService, loop } from '@flywheel/runtime';
import { Batches } from './catalog/batches.ts';
import { Catalog } from './catalog/catalog.ts';
import { migrations } from './catalog/migrations.ts';
import { config } from './config.ts';
import { archiveOutcomes, archivePredictions } from './handlers/archive-inference.ts';
import { onRecordsReceived } from './handlers/on-records-received.ts';
import { CommitLog } from './lake/commit-log.ts';
import { LakeWriter } from './lake/lake-writer.ts';
import { declareMetrics } from './metrics.ts';
import { datasetRoutes } from './routes/dataset-routes.ts';
import { receiveRecords } from './routes/receive-records.ts';

export const ingestion = defineService({
  name: 'ingestion',
  config,
  start: async (context) => {
    const { bus, clock, http, log, objects, scope, signal, spawn } = context;
    const folder = join(context.folder, 'scratch');
    rmSync(folder, { recursive: true, force: true }); // what a killed process left behind belongs to no commit
    mkdirSync(folder, { recursive: true });
    const sql = await context.openSql(migrations);
    const outbox = createOutbox({ sql, bus, log });
    spawn('outbox', outbox.relay(signal));
    const metrics = declareMetrics(context.metrics);
    const commits = await CommitLog.open(objects);
    const openAnalytics = () => context.openAnalytics();
    const localFile = (key: string) => objects.localFile(key);
    const lake: LakeWriter = new LakeWriter({
      commits,
      objects,
      openAnalytics,
      folder,
      clock,
      log,
      signal,
      onCommit: async (state, added) => {
        metrics.lakeSequence.set(state.sequence);
        metrics.lakeFiles.set(state.files.length);
        metrics.lakeRecords.set(state.files.reduce((records, file) => records + file.records, 0));
        await catalog.lakeMoved(new Set(added.map((file) => file.dataset)));
      },
    });
    const catalog: Catalog = new Catalog({ sql, outbox, commits, lake, clock });
    const batches = new Batches({ sql, outbox });

    const resume = (topic: string) => ({
      startAt: (partition: number) => Promise.resolve(lake.resumeAt(topic, partition)),
    });
    bus.subscribeBatch(contracts.recordReceived, onRecordsReceived({ lake, log }), {
      opaque: true,
      ...resume(topics.ingestRecords.name),
    });
    bus.subscribeBatch(
      router.predictionsLogged,
      archivePredictions({ lake, catalog }),
      resume(topics.inferencePredictions.name),
    );
    bus.subscribeBatch(
      monitor.outcomesJoined,
      archiveOutcomes({ lake, catalog }),
      resume(topics.inferenceOutcomes.name),
    );
    spawn(
      'lake',
      loop(() => lake.flush(), { everyMs: context.config.INGESTION_FLUSH_MS, signal }),
    );
    scope.defer(() => lake.flush());

    const limits = {
      concurrentRequests: context.config.INGESTION_CONCURRENT_REQUESTS,
      bodyBytes: context.config.INGESTION_BODY_BYTES,
    };
    receiveRecords(http, {
      bus,
      catalog,
      batches,
      lake,
      metrics,
      openAnalytics,
      localFile,
      folder,
      limits,
    });
    datasetRoutes(http, { bus, catalog, lake, openAnalytics, localFile });
  },
});
