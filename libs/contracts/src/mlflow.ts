import { z } from 'zod';
import { defineOperation } from './operation.ts';

/**
 * The calls of MLflow's REST API that services make of one another, like other MLflow clients. The tracking and
 * registry services serve the whole API as routes of their own; here stands only what we call.
 */
const keyValue = z.object({ key: z.string(), value: z.string() });
const metric = z.object({
  key: z.string(),
  value: z.union([z.number(), z.string()]),
  timestamp: z.number().int(),
  step: z.number().int(),
});
const empty = z.object({});

export const mlflowCreateExperiment = defineOperation({
  name: 'mlflow.create-experiment',
  service: 'tracking',
  method: 'POST',
  path: '/api/2.0/mlflow/experiments/create',
  summary: 'Creates an experiment',
  body: z.object({ name: z.string() }),
  reply: z.object({ experiment_id: z.string() }),
});

export const mlflowGetExperimentByName = defineOperation({
  name: 'mlflow.get-experiment-by-name',
  service: 'tracking',
  method: 'GET',
  path: '/api/2.0/mlflow/experiments/get-by-name',
  summary: 'Gives an experiment by its name',
  query: z.object({ experiment_name: z.string() }),
  reply: z.object({
    experiment: z.object({ experiment_id: z.string(), lifecycle_stage: z.string() }),
  }),
});

export const mlflowCreateRun = defineOperation({
  name: 'mlflow.create-run',
  service: 'tracking',
  method: 'POST',
  path: '/api/2.0/mlflow/runs/create',
  summary: 'Creates a run',
  body: z.object({
    experiment_id: z.string(),
    run_name: z.string().optional(),
    start_time: z.number().int(),
    tags: z.array(keyValue).default([]),
  }),
  reply: z.object({
    run: z.object({ info: z.object({ run_id: z.string(), artifact_uri: z.string() }) }),
  }),
});

export const mlflowGetRun = defineOperation({
  name: 'mlflow.get-run',
  service: 'tracking',
  method: 'GET',
  path: '/api/2.0/mlflow/runs/get',
  summary: 'Gives a run',
  query: z.object({ run_id: z.string() }),
  reply: z.object({
    run: z.object({ info: z.object({ run_id: z.string(), artifact_uri: z.string() }) }),
  }),
});

export const mlflowSearchRuns = defineOperation({
  name: 'mlflow.search-runs',
  service: 'tracking',
  method: 'POST',
  path: '/api/2.0/mlflow/runs/search',
  idempotent: true,
  summary: 'Finds runs of experiments by a filter',
  body: z.object({ experiment_ids: z.array(z.string()).min(1), filter: z.string() }),
  reply: z.object({
    runs: z
      .array(z.object({ info: z.object({ run_id: z.string(), artifact_uri: z.string() }) }))
      .default([]),
  }),
});

export const mlflowGetLoggedModel = defineOperation({
  name: 'mlflow.get-logged-model',
  service: 'tracking',
  method: 'GET',
  path: '/api/2.0/mlflow/logged-models/:model_id',
  summary: 'Gives a logged model',
  params: z.object({ model_id: z.string() }),
  reply: z.object({
    model: z.object({
      info: z.object({
        model_id: z.string(),
        artifact_uri: z.string(),
        source_run_id: z.string().optional(),
      }),
    }),
  }),
});

export const mlflowLogBatch = defineOperation({
  name: 'mlflow.log-batch',
  service: 'tracking',
  method: 'POST',
  path: '/api/2.0/mlflow/runs/log-batch',
  summary: 'Logs metrics, params and tags of a run',
  body: z.object({
    run_id: z.string(),
    metrics: z.array(metric).max(1000).default([]),
    params: z.array(keyValue).max(100).default([]),
    tags: z.array(keyValue).max(100).default([]),
  }),
  reply: empty,
});

export const mlflowUpdateRun = defineOperation({
  name: 'mlflow.update-run',
  service: 'tracking',
  method: 'POST',
  path: '/api/2.0/mlflow/runs/update',
  summary: 'Changes status and end of a run',
  body: z.object({
    run_id: z.string(),
    status: z.enum(['RUNNING', 'SCHEDULED', 'FINISHED', 'FAILED', 'KILLED']),
    end_time: z.number().int().optional(),
  }),
  reply: z.looseObject({}),
});

/** `PUT` of an artifact's bytes to this path and its own. */
export const mlflowArtifactsPath = '/api/2.0/mlflow-artifacts/artifacts';

export const mlflowCreateRegisteredModel = defineOperation({
  name: 'mlflow.create-registered-model',
  service: 'registry',
  method: 'POST',
  path: '/api/2.0/mlflow/registered-models/create',
  summary: 'Creates a registered model',
  body: z.object({
    name: z.string(),
    description: z.string().optional(),
    tags: z.array(keyValue).default([]),
  }),
  reply: z.looseObject({}),
});

export const mlflowCreateModelVersion = defineOperation({
  name: 'mlflow.create-model-version',
  service: 'registry',
  method: 'POST',
  path: '/api/2.0/mlflow/model-versions/create',
  summary: 'Registers a version of a model',
  body: z.object({
    name: z.string(),
    source: z.string(),
    run_id: z.string().optional(),
    description: z.string().optional(),
    tags: z.array(keyValue).default([]),
  }),
  reply: z.object({ model_version: z.looseObject({ name: z.string(), version: z.string() }) }),
});

export const mlflowSearchModelVersions = defineOperation({
  name: 'mlflow.search-model-versions',
  service: 'registry',
  method: 'GET',
  path: '/api/2.0/mlflow/model-versions/search',
  summary: 'Finds versions of models by a filter',
  query: z.object({ filter: z.string() }),
  reply: z.object({
    model_versions: z.array(z.looseObject({ name: z.string(), version: z.string() })).default([]),
  }),
});

export const mlflowSetAlias = defineOperation({
  name: 'mlflow.set-alias',
  service: 'registry',
  method: 'POST',
  path: '/api/2.0/mlflow/registered-models/alias',
  summary: 'Points an alias at a version',
  body: z.object({ name: z.string(), alias: z.string(), version: z.string() }),
  reply: empty,
});

/** Tags by which the trainer tells the registry where a version came from. */
export const lineageTags = {
  runKey: 'flywheel.run_key',
  snapshot: 'flywheel.snapshot',
  trainingSet: 'flywheel.training_set',
  commit: 'mlflow.source.git.commit',
} as const;
