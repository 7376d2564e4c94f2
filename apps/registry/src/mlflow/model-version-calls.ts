import type { VersionRow } from '../models/model-rows.ts';
import { modelNotThere } from './mlflow-errors.ts';
import type { Call } from './mlflow-routes.ts';
import { versionJson } from './model-json.ts';
import { checkDescription, checkTag, checkTagKey } from './names.ts';
import type { Parameters } from './parameters.ts';
import { changeVersion, modelOf, versionOf } from './registry-lookups.ts';
import { resolveSource } from './resolve-source.ts';
import type { SourceParts } from './resolve-source.ts';
import { searchVersions } from './search/search-registry.ts';
import { checkArchiving, stageOf } from './stages.ts';

/** The methods under `/model-versions`. */
export function modelVersionCalls(parts: SourceParts): Call[] {
  const { models } = parts;
  return [
    {
      method: 'POST',
      path: '/model-versions/create',
      name: 'create-model-version',
      summary: 'Registers the next version of a model',
      answer: async (given) => versionAnswer(await create(parts, given)),
    },
    {
      method: 'GET',
      path: '/model-versions/get',
      name: 'get-model-version',
      summary: 'Gives a version',
      answer: async (given) => versionAnswer(await versionOf(models, given)),
    },
    {
      method: 'GET',
      path: '/model-versions/get-download-uri',
      name: 'get-download-uri',
      summary: 'Says where the files of a version are downloaded from',
      answer: async (given) => ({ artifact_uri: (await versionOf(models, given)).location }),
    },
    {
      method: 'GET',
      path: '/model-versions/search',
      name: 'search-model-versions',
      summary: 'Finds versions by filter and order',
      answer: (given) => searchVersions(models.sql, given),
    },
    {
      method: 'PATCH',
      path: '/model-versions/update',
      name: 'update-model-version',
      summary: 'Changes the description of a version',
      answer: async (given) => {
        const description = checkDescription(given.text('description'));
        const changed = await changeVersion(models, given, async (tx, row) => {
          if (description !== undefined)
            await models.versions.changeDescription(tx, row, description);
        });
        return versionAnswer(changed);
      },
    },
    {
      method: 'POST',
      path: '/model-versions/transition-stage',
      name: 'transition-model-version-stage',
      summary: 'Moves a version to a stage, archiving the others there if asked',
      answer: async (given) => {
        const stage = stageOf(given.required('stage'));
        const archiveOthers = given.flag('archive_existing_versions');
        if (archiveOthers) checkArchiving(stage);
        const changed = await changeVersion(models, given, (tx, row) =>
          models.versions.moveToStage(tx, row, stage, { archiveOthers }),
        );
        return versionAnswer(changed);
      },
    },
    {
      method: 'DELETE',
      path: '/model-versions/delete',
      name: 'delete-model-version',
      summary: 'Deletes a version; its number stays spent',
      answer: async (given) => {
        await changeVersion(models, given, (tx, row) => models.versions.delete(tx, row));
        return {};
      },
    },
    {
      method: 'POST',
      path: '/model-versions/set-tag',
      name: 'set-model-version-tag',
      summary: 'Sets a tag of a version',
      answer: async (given) => {
        const tag = checkTag({ key: given.required('key'), value: given.text('value') ?? '' });
        await changeVersion(models, given, (tx, row) => models.versions.setTag(tx, row, tag));
        return {};
      },
    },
    {
      method: 'DELETE',
      path: '/model-versions/delete-tag',
      name: 'delete-model-version-tag',
      summary: 'Removes a tag of a version',
      answer: async (given) => {
        const key = checkTagKey(given.required('key'));
        await changeVersion(models, given, (tx, row) => models.versions.deleteTag(tx, row, key));
        return {};
      },
    },
  ];
}

function versionAnswer(row: VersionRow): object {
  return { model_version: versionJson(row) };
}

async function create(parts: SourceParts, given: Parameters): Promise<VersionRow> {
  const { models } = parts;
  const source = given.required('source');
  const tags = given.pairs('tags').map(checkTag);
  const description = checkDescription(given.text('description'));
  const runLink = given.text('run_link');
  const { name: model } = await modelOf(models, given);
  const resolved = await resolveSource(parts, {
    source,
    run: given.optional('run_id'),
    loggedModel: given.optional('model_id'),
    tags,
  });
  const wanted = { model, source, runLink, description, tags, ...resolved };
  const created = await models.transaction((tx) => models.versions.create(tx, wanted));
  if (!created) throw modelNotThere(model);
  return created;
}
