import { AppError } from '@flywheel/core';
import { selectLatestVersions } from '../models/model-rows.ts';
import type { ModelRow, Query } from '../models/model-rows.ts';
import type { ModelStore } from '../models/model-store.ts';
import { alreadyThere, modelNotThere, refused, versionNotThere } from './mlflow-errors.ts';
import type { Call } from './mlflow-routes.ts';
import { modelJson, versionJson } from './model-json.ts';
import { checkAlias, checkDescription, checkModelName, checkTag } from './names.ts';

/** The methods under `/registered-models`. */
export function registeredModelCalls(models: ModelStore): Call[] {
  return [
    {
      method: 'POST',
      path: '/registered-models/create',
      name: 'create-registered-model',
      summary: 'Creates a registered model',
      answer: async (given) => {
        const name = checkModelName(given.required('name'));
        const description = checkDescription(given.text('description'));
        const tags = given.pairs('tags').map(checkTag);
        return models
          .transaction(async (tx) => {
            if (await models.lockModel(tx, name)) throw alreadyThere(name);
            await models.createModel(tx, { name, description, tags });
            return { registered_model: await modelBody(tx, await theModel(models, name, tx)) };
          })
          .catch((error: unknown) => {
            throw isTaken(error) ? alreadyThere(name) : error;
          });
      },
    },
    {
      method: 'GET',
      path: '/registered-models/get',
      name: 'get-registered-model',
      summary: 'Gives a registered model with its latest versions',
      answer: async (given) => {
        const model = await theModel(models, given.required('name'));
        return { registered_model: await modelBody(models.sql, model) };
      },
    },
    {
      method: ['POST', 'GET'],
      path: '/registered-models/get-latest-versions',
      name: 'get-latest-versions',
      summary: 'Gives the newest version of each stage',
      answer: async (given) => {
        const { name } = await theModel(models, given.required('name'));
        const latest = await selectLatestVersions(models.sql, [name]);
        return { model_versions: latest.map(versionJson) };
      },
    },
    {
      method: 'POST',
      path: '/registered-models/alias',
      name: 'set-registered-model-alias',
      summary: 'Points an alias at a version',
      answer: async (given) => {
        const name = given.required('name');
        const alias = checkAlias(given.required('alias'));
        const version = given.version();
        await models.transaction(async (tx) => {
          if (!(await models.lockModel(tx, name))) throw modelNotThere(name);
          if (!(await models.findVersion(name, version, tx))) throw versionNotThere(name, version);
          await models.setAlias(tx, name, alias, version);
        });
        return {};
      },
    },
    {
      method: 'GET',
      path: '/registered-models/alias',
      name: 'get-model-version-by-alias',
      summary: 'Gives the version an alias points at',
      answer: async (given) => {
        const model = await theModel(models, given.required('name'));
        const alias = given.required('alias');
        const version = model.aliases.find((known) => known.alias === alias)?.version;
        const found = version && (await models.findVersion(model.name, version));
        if (!found) throw refused(`Registered model alias ${alias} not found.`, 'alias');
        return { model_version: versionJson(found) };
      },
    },
  ];
}

async function theModel(models: ModelStore, name: string, query?: Query): Promise<ModelRow> {
  const model = await models.findModel(name, query);
  if (!model) throw modelNotThere(name);
  return model;
}

async function modelBody(query: Query, model: ModelRow): Promise<object> {
  return modelJson(model, await selectLatestVersions(query, [model.name]));
}

/** Two created it at the same moment. */
function isTaken(error: unknown): boolean {
  return (
    error instanceof AppError &&
    error.code === 'conflict' &&
    error.details?.['constraint'] === 'models_pkey'
  );
}
