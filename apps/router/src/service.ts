import { join } from 'node:path';
import { featureStore, registry, router as contracts } from '@flywheel/contracts';
import { openModelPool } from '@flywheel/inference';
import { createSinkOffsets } from '@flywheel/kafka';
import { defineService } from '@flywheel/runtime';
import { EndpointCounts } from './answering/endpoint-counts.ts';
import { endpointInputs } from './answering/endpoint-inputs.ts';
import { config } from './config.ts';
import { onDeploymentChanged } from './handlers/on-deployment-changed.ts';
import { PredictionLog } from './logging/prediction-log.ts';
import { Spool } from './logging/spool.ts';
import { migrations } from './migrations.ts';
import { ModelCache } from './models/model-cache.ts';
import { endpointStatusRoute } from './routes/endpoint-status-route.ts';
import { feedbackRoute } from './routes/feedback-route.ts';
import { oipRoutes } from './routes/oip-routes.ts';
import { RouteTable } from './routing/route-table.ts';
import type { PrepareRoute } from './routing/route-table.ts';
import { ShadowBooks } from './shadows/shadow-books.ts';
import { ShadowRunner } from './shadows/shadow-runner.ts';

const FLUSH_WITHIN_MS = 2000;

export const router = defineService({
  name: 'router',
  config,
  start: async ({
    bus,
    clock,
    config: settings,
    folder,
    http,
    instance,
    log,
    openSql,
    peers,
    publicObjects: objects,
    scope,
    signal,
  }) => {
    const sql = await openSql(migrations);
    const pool = scope.use(await openModelPool({ workers: settings.ROUTER_MODEL_WORKERS, log }));
    const shadowPool = scope.use(
      await openModelPool({ workers: settings.ROUTER_SHADOW_WORKERS, log }),
    );
    const models = scope.use(new ModelCache({ objects, pool }));
    const prepare: PrepareRoute = async (deployment) => {
      const answering = deployment.variants.filter((variant) => variant.role !== 'shadow');
      const loaded = await Promise.all(
        answering.map(async (variant) => [variant.name, await models.load(variant)] as const),
      );
      const service =
        deployment.featureService === null
          ? undefined
          : await peers.call(featureStore.getService, {
              params: { name: deployment.featureService },
            });
      return {
        deployment,
        models: new Map(loaded),
        inputs: endpointInputs(service, loaded[0]?.[1].features ?? -1),
      };
    };
    const table = new RouteTable({ prepare, log });
    const spool = scope.use(
      new Spool({ folder: join(folder, 'spool'), limitBytes: settings.ROUTER_SPOOL_BYTES }),
    );
    const predictionLog = new PredictionLog({ bus, spool, log, instance });
    await predictionLog.recover();
    scope.defer(() => predictionLog.flush(FLUSH_WITHIN_MS));
    const counts = new EndpointCounts();
    const books = new ShadowBooks(sql);
    const deployments = bus.watch(
      registry.deploymentChanged,
      onDeploymentChanged({
        table,
        log,
        signal,
        prepared: () => models.keepOnly(table.digestsInUse()),
      }),
      { onTombstone: (key) => table.remove(key) },
    );
    const deploymentsKnown = deployments.ready.then(() => table.complete());
    const shadows = new ShadowRunner({
      bus,
      sql,
      offsets: createSinkOffsets(),
      table,
      books,
      pool: shadowPool,
      objects,
      deploymentsKnown,
      log,
    });

    bus.subscribeBatch(
      contracts.predictionsLogged,
      (events, context) => shadows.handle(events, context),
      {
        group: ShadowRunner.group,
        startAt: (partition) => shadows.resumeAt(partition),
        maxRecords: 100,
      },
    );
    oipRoutes(http, table, { peers, log: predictionLog, counts, clock });
    feedbackRoute(http, { table, bus, clock });
    endpointStatusRoute(http, { bus, table, counts, predictionLog, books });
  },
});
