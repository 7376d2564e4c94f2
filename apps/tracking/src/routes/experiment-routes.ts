import type { Sql } from '@flywheel/storage';
import { viewTypes } from '../experiments/experiment.ts';
import { searchExperiments } from '../experiments/experiment-search.ts';
import type { ExperimentStore } from '../experiments/experiment-store.ts';
import { offsetOf } from '../search/page-token.ts';
import { checkKey, checkLength, experimentTag, limits } from '../wire/limits.ts';
import { refused } from '../wire/mlflow-errors.ts';
import { mlflowRoute } from '../wire/mlflow-route.ts';
import type { Http, MlflowCall } from '../wire/mlflow-route.ts';

type Parts = { sql: Sql; experiments: ExperimentStore };
const mostExperiments = 50_000;

export function experimentRoutes(http: Http, { sql, experiments }: Parts): void {
  const post = (action: string, summary: string, handler: MlflowCall['handler']) =>
    mlflowRoute(http, {
      name: `${action}-experiment`,
      summary,
      method: 'POST',
      path: `mlflow/experiments/${action}`,
      handler,
    });

  post('create', 'Creates an experiment', async (given) => {
    const name = experimentName(given.required('name'), 'name');
    return {
      experiment_id: await experiments.create(name, {
        artifactLocation: artifactLocation(given.text('artifact_location')),
        tags: given.pairs('tags').map((tag, index) => experimentTag(tag, `tags[${index}].`)),
      }),
    };
  });
  mlflowRoute(http, {
    name: 'get-experiment',
    summary: 'Gives an experiment, also a deleted one',
    method: 'GET',
    path: 'mlflow/experiments/get',
    handler: async (given) => ({
      experiment: await experiments.get(given.required('experiment_id')),
    }),
  });
  mlflowRoute(http, {
    name: 'get-experiment-by-name',
    summary: 'Gives an experiment by its name, also a deleted one',
    method: 'GET',
    path: 'mlflow/experiments/get-by-name',
    handler: async (given) => ({
      experiment: await experiments.getByName(given.required('experiment_name')),
    }),
  });
  mlflowRoute(http, {
    name: 'search-experiments',
    summary: 'Finds experiments',
    method: ['POST', 'GET'],
    path: 'mlflow/experiments/search',
    handler: (given) =>
      searchExperiments(sql, {
        filter: given.text('filter') ?? '',
        orderBy: given.texts('order_by'),
        view: given.choice('view_type', viewTypes),
        offset: offsetOf(given.text('page_token')),
        size: given.pageSize('max_results', { fallback: 1000, most: mostExperiments }),
      }),
  });
  post('update', 'Renames an experiment', async (given) => {
    const id = given.required('experiment_id');
    await experiments.rename(id, experimentName(given.required('new_name'), 'new_name'));
    return {};
  });
  post('delete', 'Deletes an experiment and its runs', async (given) => {
    await experiments.move(given.required('experiment_id'), 'deleted');
    return {};
  });
  post('restore', 'Restores an experiment and its runs', async (given) => {
    await experiments.move(given.required('experiment_id'), 'active');
    return {};
  });
  mlflowRoute(http, {
    name: 'set-experiment-tag',
    summary: 'Sets a tag of an experiment',
    method: 'POST',
    path: 'mlflow/experiments/set-experiment-tag',
    handler: async (given) => {
      const tag = { key: given.required('key'), value: given.text('value') ?? '' };
      await experiments.setTag(given.required('experiment_id'), experimentTag(tag));
      return {};
    },
  });
  mlflowRoute(http, {
    name: 'delete-experiment-tag',
    summary: 'Deletes a tag of an experiment',
    method: 'POST',
    path: 'mlflow/experiments/delete-experiment-tag',
    handler: async (given) => {
      const key = checkKey(given.required('key'), 'key');
      await experiments.deleteTag(given.required('experiment_id'), key);
      return {};
    },
  });
}

function experimentName(name: string, field: string): string {
  if (name.trim() === '')
    throw refused(`Invalid value for parameter '${field}' supplied: must not be blank`, field);
  return checkLength(name, limits.experimentNameLength, field);
}

/** Where another store than ours is named, clients bring artifacts there by themselves. */
function artifactLocation(location: string | undefined): string | undefined {
  if (location === undefined || location === '') return undefined;
  checkLength(location, limits.artifactLocationLength, 'artifact_location');
  if (/[?#]/.test(location) || location.split('/').includes('..'))
    throw refused(
      "Invalid value for parameter 'artifact_location' supplied: must not hold '..', '?' or '#'",
      'artifact_location',
    );
  return location.replace(/\/+$/, '');
}
