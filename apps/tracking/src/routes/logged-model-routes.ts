import type { ObjectStore, Sql } from '@flywheel/storage';
import { folderPath } from '../artifacts/artifact-path.ts';
import { listArtifacts, sendArtifactOf } from '../artifacts/artifacts-of.ts';
import { experimentIdOf } from '../experiments/experiment-store.ts';
import { searchLoggedModels } from '../logged-models/logged-model-search.ts';
import type { DatasetChoice } from '../logged-models/logged-model-search.ts';
import type { LoggedModelStore } from '../logged-models/logged-model-store.ts';
import { modelStatuses } from '../logged-models/logged-model.ts';
import type { TrackingMetrics } from '../metrics.ts';
import { checkLength, limits, runParam, runTag } from '../wire/limits.ts';
import { missing, refused } from '../wire/mlflow-errors.ts';
import { mlflowBytesRoute, mlflowRoute } from '../wire/mlflow-route.ts';
import type { Http, MlflowCall } from '../wire/mlflow-route.ts';
import type { Pair, Parameters } from '../wire/parameters.ts';

type Parts = {
  sql: Sql;
  models: LoggedModelStore;
  objects: ObjectStore;
  metrics: TrackingMetrics;
};
const root = 'mlflow/logged-models';
const page = { fallback: 50, most: 50_000 };

export function loggedModelRoutes(http: Http, { sql, models, objects, metrics }: Parts): void {
  const route = (call: Omit<MlflowCall, 'path'> & { below?: string }) =>
    mlflowRoute(http, { ...call, path: `${root}${call.below ?? ''}` });

  route({
    name: 'create-logged-model',
    summary: 'Begins a model whose artifacts follow',
    method: 'POST',
    handler: async (given) => ({
      model: await models.create({
        experiment: experimentIdOf(given.required('experiment_id')),
        name: modelName(given.filled('name')),
        modelType: given.text('model_type') ?? '',
        sourceRun: given.text('source_run_id') ?? '',
        params: params(given),
        tags: tags(given),
      }),
    }),
  });
  route({
    name: 'search-logged-models',
    summary: 'Finds logged models',
    method: 'POST',
    below: '/search',
    handler: (given) => {
      const experiments = given.texts('experiment_ids');
      if (experiments.length === 0) throw missing('experiment_ids');
      return searchLoggedModels(sql, {
        experiments: experiments.map((id, index) => experimentIdOf(id, `experiment_ids[${index}]`)),
        filter: given.text('filter') ?? '',
        datasets: given.items('datasets').map(datasetChoice),
        orderBy: given.items('order_by').map((item) => ({
          field: item.required('field_name'),
          isAscending: item.flag('ascending') ?? true,
          dataset: item.filled('dataset_name') === undefined ? undefined : datasetChoice(item),
        })),
        token: given.text('page_token'),
        size: given.pageSize('max_results', page),
      });
    },
  });
  route({
    name: 'get-logged-model',
    summary: 'Gives a logged model',
    method: 'GET',
    below: '/:model',
    handler: async (given, { params }) => ({
      model: await models.get(params['model'] ?? '', {
        allowDeleted: given.flag('allow_deleted') ?? false,
      }),
    }),
  });
  route({
    name: 'finalise-logged-model',
    summary: 'Says that the artifacts of a model are there, or that they failed',
    method: 'PATCH',
    below: '/:model',
    handler: async (given, { params }) => {
      if (!given.has('status')) throw missing('status');
      const status = given.choice('status', modelStatuses);
      return { model: await models.finalise(params['model'] ?? '', status) };
    },
  });
  route({
    name: 'delete-logged-model',
    summary: 'Deletes a logged model',
    method: 'DELETE',
    below: '/:model',
    handler: async (_given, { params }) => {
      await models.delete(params['model'] ?? '');
      return {};
    },
  });
  route({
    name: 'set-logged-model-tags',
    summary: 'Sets tags of a logged model',
    method: 'PATCH',
    below: '/:model/tags',
    handler: async (given, { params }) => {
      await models.setTags(params['model'] ?? '', tags(given));
      return {};
    },
  });
  route({
    name: 'delete-logged-model-tag',
    summary: 'Deletes a tag of a logged model',
    method: 'DELETE',
    below: '/:model/tags/:key',
    handler: async (_given, { params }) => {
      await models.deleteTag(params['model'] ?? '', params['key'] ?? '');
      return {};
    },
  });
  route({
    name: 'log-logged-model-params',
    summary: 'Adds params to a logged model',
    method: 'POST',
    below: '/:model/params',
    handler: async (given, { params: path }) => {
      await models.logParams(path['model'] ?? '', params(given));
      return {};
    },
  });
  route({
    name: 'list-logged-model-artifacts',
    summary: 'Lists a folder of the artifacts of a logged model',
    method: 'GET',
    below: '/:model/artifacts/directories',
    handler: async (given, { params, signal }) => {
      const { info } = await models.get(params['model'] ?? '');
      const folder = folderPath(given.text('artifact_directory_path') ?? '');
      return listArtifacts(objects, info.artifact_uri, { folder, signal });
    },
  });
  mlflowBytesRoute(http, {
    name: 'get-logged-model-artifact',
    summary: 'Gives the bytes of an artifact of a logged model',
    method: 'GET',
    path: `${root}/:model/artifacts/files`,
    handler: async ({ params, query, signal }) => {
      const { info } = await models.get(params['model'] ?? '');
      const path = query.get('artifact_file_path') ?? '';
      return sendArtifactOf(objects, info.artifact_uri, { path, metrics, signal });
    },
  });
}

function params(given: Parameters): Pair[] {
  return given.pairs('params').map((param, index) => runParam(param, `params[${index}].`));
}

function tags(given: Parameters): Pair[] {
  return given.pairs('tags').map((tag, index) => runTag(tag, `tags[${index}].`));
}

function datasetChoice(given: Parameters): DatasetChoice {
  return { name: given.required('dataset_name'), digest: given.filled('dataset_digest') };
}

/** A name may stand in an address and in quotes. */
function modelName(name: string | undefined): string | undefined {
  if (name !== undefined && /[/:.%"']/.test(name))
    throw refused(
      `Invalid model name ('${name}') provided. Model name must be a non-empty string and cannot contain the following characters: ('/', ':', '.', '%', '"', "'")`,
      'name',
    );
  return name === undefined ? undefined : checkLength(name, limits.modelNameLength, 'name');
}
