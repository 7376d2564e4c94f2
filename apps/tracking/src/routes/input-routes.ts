import type { Sql } from '@flywheel/storage';
import { experimentIdOf } from '../experiments/experiment-store.ts';
import { datasetSummaries } from '../runs/dataset-summaries.ts';
import type { DatasetInput, RunInputs } from '../runs/run-inputs.ts';
import type { RunStore } from '../runs/run-store.ts';
import { checkLength, limits } from '../wire/limits.ts';
import { missing, refused } from '../wire/mlflow-errors.ts';
import { mlflowRoute } from '../wire/mlflow-route.ts';
import type { Http } from '../wire/mlflow-route.ts';
import type { Parameters } from '../wire/parameters.ts';
import { runId } from './run-routes.ts';

type Parts = { sql: Sql; inputs: RunInputs; runs: RunStore };

const lengths = {
  name: limits.datasetNameLength,
  digest: limits.datasetDigestLength,
  source: 65_535,
  schema: 1_048_575,
  profile: 16_777_215,
  tagKey: 255,
  tagValue: 500,
} as const;
const mostExperiments = 20;

/** What runs read and make: datasets and models. */
export function inputRoutes(http: Http, { sql, inputs, runs }: Parts): void {
  mlflowRoute(http, {
    name: 'log-inputs',
    summary: 'Logs the datasets and models that a run reads',
    method: 'POST',
    path: 'mlflow/runs/log-inputs',
    handler: async (given) => {
      await inputs.logInputs(runId(given), {
        datasets: given.items('datasets').map(readInput),
        models: given.items('models').map(modelId),
      });
      return {};
    },
  });
  mlflowRoute(http, {
    name: 'log-outputs',
    summary: 'Logs the models that a run makes',
    method: 'POST',
    path: 'mlflow/runs/outputs',
    handler: async (given) => {
      const models = given.items('models').map((model) => ({
        model: modelId(model),
        step: model.int64('step') ?? 0,
      }));
      if (models.length === 0) throw missing('models');
      await inputs.logOutputs(runId(given), models);
      return {};
    },
  });
  mlflowRoute(http, {
    name: 'log-model',
    summary: 'Notes in a run that a model was logged, for clients before 3.0',
    method: 'POST',
    path: 'mlflow/runs/log-model',
    handler: async (given) => {
      const id = runId(given);
      await runs.logModel(id, readModel(given.required('model_json')));
      return {};
    },
  });
  mlflowRoute(http, {
    name: 'search-datasets',
    summary: 'Lists the datasets of experiments',
    method: 'POST',
    path: 'mlflow/experiments/search-datasets',
    handler: async (given) => {
      const experiments = given.texts('experiment_ids');
      if (experiments.length === 0) throw missing('experiment_ids');
      if (experiments.length > mostExperiments)
        throw refused(
          `SearchDatasets request cannot specify more than ${mostExperiments} experiment_ids`,
          'experiment_ids',
        );
      const ids = experiments.map((id, index) => experimentIdOf(id, `experiment_ids[${index}]`));
      const summaries = await datasetSummaries(sql, ids);
      return summaries.length === 0 ? {} : { dataset_summaries: summaries };
    },
  });
}

function modelId(given: Parameters): string {
  const id = given.required('model_id');
  return checkLength(id, limits.modelIdLength, given.label('model_id'));
}

function readInput(given: Parameters): DatasetInput {
  const dataset = given.object('dataset');
  const required = (name: 'name' | 'digest' | 'source') =>
    checkLength(dataset.required(name), lengths[name], dataset.label(name));
  const optional = (name: 'schema' | 'profile') => {
    const text = dataset.text(name);
    return text === undefined
      ? {}
      : { [name]: checkLength(text, lengths[name], dataset.label(name)) };
  };
  return {
    dataset: {
      name: required('name'),
      digest: required('digest'),
      source_type: dataset.required('source_type'),
      source: required('source'),
      ...optional('schema'),
      ...optional('profile'),
    },
    tags: given.items('tags').map((tag) => ({
      key: checkLength(tag.required('key'), lengths.tagKey, tag.label('key')),
      value: checkLength(tag.text('value') ?? '', lengths.tagValue, tag.label('value')),
    })),
  };
}

const modelMembers = ['artifact_path', 'flavors', 'utc_time_created', 'run_id'] as const;

function readModel(text: string): Record<string, unknown> {
  let model: unknown;
  try {
    model = JSON.parse(text);
  } catch {
    throw refused('Malformed model info: model_json is not valid JSON', 'model_json');
  }
  if (typeof model !== 'object' || model === null || Array.isArray(model))
    throw refused('Malformed model info: model_json must be an object', 'model_json');
  const absent = modelMembers.filter((name) => !Object.hasOwn(model, name));
  if (absent.length > 0)
    throw refused(`Model json is missing mandatory fields: ${absent.join(', ')}`, 'model_json');
  return { ...model };
}
