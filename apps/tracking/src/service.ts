import { createOutbox } from '@flywheel/kafka';
import { defineService } from '@flywheel/runtime';
import { config } from './config.ts';
import { ExperimentStore } from './experiments/experiment-store.ts';
import { declareMetrics } from './metrics.ts';
import { migrations } from './migrations.ts';
import { LoggedModelStore } from './logged-models/logged-model-store.ts';
import { logModelMetrics } from './logged-models/model-metrics.ts';
import { artifactProxyRoutes } from './routes/artifact-proxy-routes.ts';
import { experimentRoutes } from './routes/experiment-routes.ts';
import { inputRoutes } from './routes/input-routes.ts';
import { logRoutes } from './routes/log-routes.ts';
import { loggedModelRoutes } from './routes/logged-model-routes.ts';
import { metricRoutes } from './routes/metric-routes.ts';
import { runArtifactRoutes } from './routes/run-artifact-routes.ts';
import { runRoutes } from './routes/run-routes.ts';
import { serverRoutes } from './routes/server-routes.ts';
import { RunEvents } from './runs/run-events.ts';
import { RunInputs } from './runs/run-inputs.ts';
import { RunLog } from './runs/run-log.ts';
import { RunStore } from './runs/run-store.ts';

export const tracking = defineService({
  name: 'tracking',
  config,
  start: async (context) => {
    const { bus, clock, http, log, objects, signal, spawn } = context;
    const sql = await context.openSql(migrations);
    const outbox = createOutbox({ sql, bus, log });
    spawn('outbox', outbox.relay(signal));
    const metrics = declareMetrics(context.metrics);
    const events = new RunEvents(outbox);
    const experiments = new ExperimentStore({ sql, events, clock });
    const runs = new RunStore({ sql, events });
    const models = new LoggedModelStore({ sql, clock });
    const inputs = new RunInputs(sql);
    const runLog = new RunLog({ sql, events, logModelMetrics, metrics });

    serverRoutes(http);
    experimentRoutes(http, { sql, experiments });
    runRoutes(http, { sql, runs, metrics });
    logRoutes(http, { log: runLog, runs });
    metricRoutes(http, { sql });
    inputRoutes(http, { sql, inputs, runs });
    loggedModelRoutes(http, { sql, models, objects, metrics });
    artifactProxyRoutes(http, { objects, metrics });
    runArtifactRoutes(http, { objects, runs, metrics });
  },
});
