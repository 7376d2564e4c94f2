import { registry, router } from '@flywheel/contracts';
import { createOutbox } from '@flywheel/kafka';
import { defineService } from '@flywheel/runtime';
import { Cases } from './cases/cases.ts';
import { Deployments } from './comparing/deployments.ts';
import { Reports } from './comparing/reports.ts';
import { config } from './config.ts';
import {
  onFeedbackReceived,
  onPredictionsLogged,
  onShadowPredictionsLogged,
} from './handlers/join-handlers.ts';
import { declareMetrics } from './metrics.ts';
import { migrations } from './migrations.ts';
import { joinStatusRoute } from './routes/join-status-route.ts';
import { reportRoutes } from './routes/report-routes.ts';
import { Alerts } from './watching/alerts.ts';
import { References } from './watching/references.ts';

export const monitor = defineService({
  name: 'monitor',
  config,
  start: async (context) => {
    const { bus, clock, http, log, signal, spawn } = context;
    const sql = await context.openSql(migrations);
    const outbox = createOutbox({ sql, bus, log });
    spawn('outbox', outbox.relay(signal));
    const metrics = declareMetrics(context.metrics);
    const cases = new Cases(sql);
    const deployments = new Deployments();
    const join = { cases, bus, metrics };

    const watching = bus.watch(registry.deploymentChanged, ({ data }) => deployments.apply(data), {
      onTombstone: (key) => deployments.remove(key),
    });
    void watching.ready.then(() => deployments.complete());
    bus.subscribeBatch(router.predictionsLogged, onPredictionsLogged(join), { maxRecords: 200 });
    bus.subscribeBatch(router.feedbackReceived, onFeedbackReceived(join));
    bus.subscribeBatch(router.shadowPredictionsLogged, onShadowPredictionsLogged(join), {
      maxRecords: 200,
    });
    reportRoutes(context, {
      sql,
      deployments,
      reports: new Reports({ sql, outbox, clock }),
      alerts: new Alerts({ sql, outbox, clock }),
      references: new References(sql),
      metrics,
    });
    joinStatusRoute(http, { cases, bus });
  },
});
