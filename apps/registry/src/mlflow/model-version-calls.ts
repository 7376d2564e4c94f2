import type { Peers } from '@flywheel/http';
import type { PublicObjects } from '@flywheel/runtime';
import type { VersionRow } from '../models/model-rows.ts';
import type { ModelStore } from '../models/model-store.ts';
import { modelNotThere, versionNotThere } from './mlflow-errors.ts';
import type { Call } from './mlflow-routes.ts';
import { versionJson } from './model-json.ts';
import { checkDescription, checkTag } from './names.ts';
import type { Parameters } from './parameters.ts';
import { downloadUri, resolveSource } from './resolve-source.ts';

type Parts = { models: ModelStore; peers: Peers; objects: PublicObjects };

/** The methods under `/model-versions`. */
export function modelVersionCalls(parts: Parts): Call[] {
  const { models } = parts;
  return [
    {
      method: 'POST',
      path: '/model-versions/create',
      name: 'create-model-version',
      summary: 'Registers the next version of a model',
      answer: async (given) => ({ model_version: versionJson(await create(parts, given)) }),
    },
    {
      method: 'GET',
      path: '/model-versions/get',
      name: 'get-model-version',
      summary: 'Gives a version',
      answer: async (given) => ({ model_version: versionJson(await theVersion(models, given)) }),
    },
    {
      method: 'GET',
      path: '/model-versions/get-download-uri',
      name: 'get-download-uri',
      summary: 'Says where the files of a version are downloaded from',
      answer: async (given) => ({ artifact_uri: downloadUri(await theVersion(models, given)) }),
    },
  ];
}

async function create(parts: Parts, given: Parameters): Promise<VersionRow> {
  const { models } = parts;
  const model = given.required('name');
  const source = given.required('source');
  const tags = given.pairs('tags').map(checkTag);
  const description = checkDescription(given.text('description'));
  if (!(await models.findModel(model))) throw modelNotThere(model);
  const { run, loggedModel, folder } = await resolveSource(parts, {
    source,
    run: given.optional('run_id'),
    loggedModel: given.optional('model_id'),
    isPrompt: tags.some(({ key, value }) => key === 'mlflow.prompt.is_prompt' && value === 'true'),
  });
  const runLink = given.text('run_link');
  const wanted = { model, source, run, runLink, loggedModel, description, tags, folder };
  const created = await models.transaction((tx) => models.createVersion(tx, wanted));
  if (!created) throw modelNotThere(model);
  return created;
}

async function theVersion(models: ModelStore, given: Parameters): Promise<VersionRow> {
  const name = given.required('name');
  const version = given.version();
  const found = await models.findVersion(name, version);
  if (!found) throw versionNotThere(name, version);
  return found;
}
