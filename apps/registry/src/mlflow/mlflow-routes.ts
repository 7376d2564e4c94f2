import type { RouteMethod } from '@flywheel/http';
import type { ServiceContext } from '@flywheel/runtime';
import type { ModelStore } from '../models/model-store.ts';
import { aliasCalls } from './alias-calls.ts';
import { mlflowErrors } from './mlflow-errors.ts';
import { modelVersionCalls } from './model-version-calls.ts';
import { Parameters } from './parameters.ts';
import { registeredModelCalls } from './registered-model-calls.ts';
import { versionFile } from './version-file.ts';

type Context = Pick<
  ServiceContext<unknown>,
  'http' | 'publicObjects' | 'peers' | 'urlOf' | 'clock'
>;

/** One method of MLflow's API: what it is called, and what it answers to its parameters. */
export type Call = {
  method: RouteMethod | readonly RouteMethod[];
  /** Below `/api/2.0/mlflow`. */
  path: string;
  name: string;
  summary: string;
  answer: (parameters: Parameters) => Promise<object>;
};

/** Both say the same: the first for clients, the second for MLflow's own pages. */
const SURFACES = [
  { prefix: '/api/2.0/mlflow', label: 'mlflow' },
  { prefix: '/ajax-api/2.0/mlflow', label: 'mlflow-ajax' },
];

/** MLflow's model registry, as its clients know it. */
export function mlflowRoutes(context: Context, models: ModelStore): void {
  const { http, peers, publicObjects: objects } = context;
  const calls = [
    ...registeredModelCalls(models),
    ...aliasCalls(models),
    ...modelVersionCalls({ models, peers, objects }),
  ];
  serveVersionFiles(http, { models, objects });
  for (const { prefix, label } of SURFACES) {
    http.errorShapeFor(`${prefix}/registered-models`, mlflowErrors);
    http.errorShapeFor(`${prefix}/model-versions`, mlflowErrors);
    for (const { method, path, name, summary, answer } of calls)
      http.route({
        service: 'registry',
        name: `registry.${label}-${name}`,
        summary,
        method,
        path: `${prefix}${path}`,
        body: 'json',
        optionalBody: true,
        bigIntegers: true,
        handler: async (request) => ({ body: await answer(Parameters.of(request)) }),
      });
  }
}

/** MLflow's pages ask for single files of a version; upstream has the first path only. */
function serveVersionFiles(
  http: Context['http'],
  parts: { models: ModelStore; objects: Context['publicObjects'] },
): void {
  for (const [prefix, label] of [
    ['', 'mlflow'],
    ['/ajax-api/2.0/mlflow', 'mlflow-ajax'],
  ] as const)
    http.route({
      service: 'registry',
      name: `registry.${label}-get-version-artifact`,
      summary: 'Gives the bytes of one file of a version',
      method: 'GET',
      path: `${prefix}/model-versions/get-artifact`,
      body: 'none',
      errors: mlflowErrors,
      handler: (request) => versionFile(parts, Parameters.of(request)),
    });
}
