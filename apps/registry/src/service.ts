import { monitor, topics } from '@flywheel/contracts';
import { createOutbox } from '@flywheel/kafka';
import { defineService } from '@flywheel/runtime';
import { config } from './config.ts';
import { DeploymentStore } from './deployments/deployment-store.ts';
import { Promotions } from './deployments/promotions.ts';
import { migrations } from './migrations.ts';
import { mlflowRoutes } from './mlflow/mlflow-routes.ts';
import { ModelStore } from './models/model-store.ts';
import { registryRoutes } from './routes/registry-routes.ts';

export const registry = defineService({
  name: 'registry',
  config,
  start: async (context) => {
    const { bus, clock, http, log, signal, spawn } = context;
    const sql = await context.openSql(migrations);
    const outbox = createOutbox({ sql, bus, log });
    spawn('outbox', outbox.relay(signal));
    const models = new ModelStore({ sql, outbox, clock });
    const deployments = new DeploymentStore({ sql, outbox, clock, models });
    const promotions = new Promotions({ sql, outbox, clock, deployments, models });

    bus.subscribe(monitor.reportPublished, ({ data }) => promotions.takeReport(data));
    registryRoutes(http, {
      models,
      deployments,
      promotions,
      reportsRead: () =>
        bus.caughtUp(topics.monitorReports.name, context.config.REGISTRY_REPORT_WAIT_MS),
    });
    mlflowRoutes(context, models);
  },
});
