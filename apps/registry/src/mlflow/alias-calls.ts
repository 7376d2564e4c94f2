import type { VersionHead } from '../models/model-rows.ts';
import type { ModelStore } from '../models/model-store.ts';
import { refused, versionNotThere } from './mlflow-errors.ts';
import type { Call } from './mlflow-routes.ts';
import { versionJson } from './model-json.ts';
import { checkAlias } from './names.ts';
import type { Parameters } from './parameters.ts';
import { changeModel, modelOf } from './registry-lookups.ts';

const PATH = '/registered-models/alias';

/** Aliases keep their case; each points at one version. */
export function aliasCalls(models: ModelStore): Call[] {
  return [
    {
      method: 'POST',
      path: PATH,
      name: 'set-registered-model-alias',
      summary: 'Points an alias at a version',
      answer: async (given) => {
        const name = given.required('name');
        const alias = checkAlias(given.required('alias'));
        const version = given.version();
        await changeModel(models, name, async (tx) => {
          if (!(await models.findVersion(name, version, tx))) throw versionNotThere(name, version);
          await models.setAlias(tx, name, alias, version);
        });
        return {};
      },
    },
    {
      method: 'GET',
      path: PATH,
      name: 'get-model-version-by-alias',
      summary: 'Gives the version an alias points at',
      answer: async (given) => ({ model_version: versionJson(await aliased(models, given)) }),
    },
    {
      method: 'DELETE',
      path: PATH,
      name: 'delete-registered-model-alias',
      summary: 'Removes an alias',
      answer: async (given) => {
        const name = given.required('name');
        const alias = given.required('alias');
        await changeModel(models, name, (tx) => models.deleteAlias(tx, name, alias));
        return {};
      },
    },
  ];
}

/** `latest` is the newest version, of whatever stage. */
async function aliased(models: ModelStore, given: Parameters): Promise<VersionHead> {
  const { name, aliases } = await modelOf(models, given);
  const alias = given.required('alias');
  const version =
    alias.toLowerCase() === 'latest'
      ? await models.newestVersion(name)
      : aliases.find((known) => known.alias === alias)?.version;
  const row = version === undefined ? undefined : await models.findVersion(name, version);
  if (!row) throw refused(`Registered model alias ${alias} not found.`, 'alias');
  return row;
}
