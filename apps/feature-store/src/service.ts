import { featureStore as contracts, ingestion, monitor } from '@flywheel/contracts';
import { createOutbox } from '@flywheel/kafka';
import { defineService } from '@flywheel/runtime';
import { config } from './config.ts';
import { DefinitionStore } from './definitions/definition-store.ts';
import { onOutcomesJoined } from './handlers/on-outcomes-joined.ts';
import { onRecordsReceived } from './handlers/on-records-received.ts';
import { declareMetrics } from './metrics.ts';
import { migrations } from './migrations.ts';
import { OnlineProgress } from './online/online-progress.ts';
import { OnlineRows } from './online/online-rows.ts';
import { definitionRoutes } from './routes/definition-routes.ts';
import { getOnlineFeatures } from './routes/get-online-features.ts';
import { onlineRoutes } from './routes/online-routes.ts';
import { trainingSetRoutes } from './routes/training-set-routes.ts';
import { TrainingSets } from './training/training-sets.ts';

export const featureStore = defineService({
  name: 'feature-store',
  config,
  start: async (context) => {
    const { bus, clock, folder, http, log, objects, peers, publicObjects, signal, spawn } = context;
    const sql = await context.openSql(migrations);
    const outbox = createOutbox({ sql, bus, log });
    spawn('outbox', outbox.relay(signal));
    const store = await context.openOnlineStore();
    const metrics = declareMetrics(context.metrics);
    const definitions = await DefinitionStore.open({ sql, outbox, clock });
    const online = new OnlineRows(store, clock);
    const progress = context.scope.use(new OnlineProgress({ bus, metrics }));
    const trainingSets = new TrainingSets({
      sql,
      definitions,
      peers,
      objects,
      publicObjects,
      openAnalytics: () =>
        context.openAnalytics({
          threads: context.config.FEATURE_STORE_JOIN_THREADS,
          memoryLimitMb: context.config.FEATURE_STORE_JOIN_MEMORY_MB,
        }),
      folder,
      clock,
      log,
      signal,
    });

    bus.watch(contracts.definitionChanged, ({ data }) =>
      definitions.apply(data.kind, data.definition),
    );
    bus.subscribeBatch(
      ingestion.recordReceived,
      onRecordsReceived({ definitions, online, progress, log }),
      { opaque: true },
    );
    bus.subscribeBatch(monitor.outcomesJoined, onOutcomesJoined({ definitions, online, progress }));

    definitionRoutes(http, definitions);
    trainingSetRoutes(context, trainingSets);
    onlineRoutes(context, { definitions, store, online, progress, metrics });
    getOnlineFeatures(http, { definitions, store, clock });
    await trainingSets.resume();
  },
});
