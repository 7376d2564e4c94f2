import { selectLatestVersions } from '../models/model-rows.ts';
import type { ModelStore } from '../models/model-store.ts';
import { alreadyThere, modelNotThere } from './mlflow-errors.ts';
import { modelJson, versionJson } from './model-json.ts';
import type { Call } from './mlflow-routes.ts';
import { checkDescription, checkModelName, checkTag, checkTagKey } from './names.ts';
import type { Parameters } from './parameters.ts';
import { changeModel, modelOf, takingName } from './registry-lookups.ts';
import { searchModels } from './search/search-registry.ts';
import { stageOf } from './stages.ts';

/** The methods under `/registered-models`, aliases excepted. */
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
        await takingName(name, () =>
          models.transaction(async (tx) => {
            if (await models.lockModel(tx, name)) throw alreadyThere(name);
            await models.createModel(tx, { name, description, tags });
          }),
        );
        return modelAnswer(models, name);
      },
    },
    {
      method: 'GET',
      path: '/registered-models/get',
      name: 'get-registered-model',
      summary: 'Gives a registered model with its latest versions',
      answer: (given) => modelAnswer(models, given.required('name')),
    },
    {
      method: 'GET',
      path: '/registered-models/search',
      name: 'search-registered-models',
      summary: 'Finds registered models by filter and order',
      answer: (given) => searchModels(models.sql, given),
    },
    {
      method: ['POST', 'GET'],
      path: '/registered-models/get-latest-versions',
      name: 'get-latest-versions',
      summary: 'Gives the newest version of each stage',
      answer: (given) => latestVersions(models, given),
    },
    {
      method: 'PATCH',
      path: '/registered-models/update',
      name: 'update-registered-model',
      summary: 'Changes the description of a registered model',
      answer: async (given) => {
        const name = given.required('name');
        const description = checkDescription(given.text('description'));
        await changeModel(models, name, async (tx) => {
          if (description !== undefined) await models.changeDescription(tx, name, description);
        });
        return modelAnswer(models, name);
      },
    },
    {
      method: 'POST',
      path: '/registered-models/rename',
      name: 'rename-registered-model',
      summary: 'Gives a registered model another name',
      answer: async (given) => {
        const name = given.required('name');
        const newName = checkModelName(given.required('new_name'), 'new_name');
        await takingName(newName, () =>
          changeModel(models, name, (tx) => models.renameModel(tx, name, newName)),
        );
        return modelAnswer(models, newName);
      },
    },
    {
      method: 'DELETE',
      path: '/registered-models/delete',
      name: 'delete-registered-model',
      summary: 'Deletes a registered model with its versions',
      answer: async (given) => {
        const name = given.required('name');
        await changeModel(models, name, (tx) => models.deleteModel(tx, name));
        return {};
      },
    },
    {
      method: 'POST',
      path: '/registered-models/set-tag',
      name: 'set-registered-model-tag',
      summary: 'Sets a tag of a registered model',
      answer: async (given) => {
        const name = given.required('name');
        const tag = checkTag({ key: given.required('key'), value: given.text('value') ?? '' });
        await changeModel(models, name, (tx) => models.setModelTag(tx, name, tag));
        return {};
      },
    },
    {
      method: 'DELETE',
      path: '/registered-models/delete-tag',
      name: 'delete-registered-model-tag',
      summary: 'Removes a tag of a registered model',
      answer: async (given) => {
        const name = given.required('name');
        const key = checkTagKey(given.required('key'));
        await changeModel(models, name, (tx) => models.deleteModelTag(tx, name, key));
        return {};
      },
    },
  ];
}

async function modelAnswer(models: ModelStore, name: string): Promise<object> {
  const model = await models.findModel(name);
  if (!model) throw modelNotThere(name);
  const latest = await selectLatestVersions(models.sql, [name]);
  return { registered_model: modelJson(model, latest) };
}

async function latestVersions(models: ModelStore, given: Parameters): Promise<object> {
  const stages = given.texts('stages').map((stage) => stageOf(stage));
  const { name } = await modelOf(models, given);
  const latest = await selectLatestVersions(models.sql, [name]);
  const wanted = latest.filter(({ stage }) => stages.length === 0 || stages.includes(stage));
  return { model_versions: wanted.map(versionJson) };
}
