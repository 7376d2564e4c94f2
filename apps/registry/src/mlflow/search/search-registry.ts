import { selectLatestVersions, selectModels, selectVersionHeads } from '../../models/model-rows.ts';
import type { Query, Rest, VersionHead } from '../../models/model-rows.ts';
import { modelJson, versionJson } from '../model-json.ts';
import type { Parameters } from '../parameters.ts';
import { orderBySql } from './order-by.ts';
import { cutPage, pageOf } from './page.ts';
import type { Page } from './page.ts';
import { parseFilter } from './parse-filter.ts';
import { sqlConditions, SqlValues } from './sql-conditions.ts';
import type { Searchable } from './sql-conditions.ts';

const MODELS: Searchable = {
  columns: { name: { column: 'm.name', kind: 'text' } },
  tags: { table: 'model_tags', join: 't.model = m.name' },
};
const VERSIONS: Searchable = {
  columns: {
    name: { column: 'v.model', kind: 'text' },
    version_number: { column: 'v.version', kind: 'number' },
    run_id: { column: 'v.run', kind: 'id' },
    source_path: { column: 'v.source', kind: 'text' },
  },
  tags: { table: 'version_tags', join: 't.model = v.model and t.version = v.version' },
};
// by bytes, whatever language the database sorts by
const MODEL_NAME = 'm.name collate "C"';
const VERSION_NAME = 'v.model collate "C"';

/** A page of models by filter and order. */
export async function searchModels(query: Query, given: Parameters): Promise<object> {
  const page = pageOf(given, { usual: 100, most: 1000 });
  const order = orderBySql(
    given.texts('order_by'),
    {
      name: MODEL_NAME,
      creation_timestamp: 'm.created_ms',
      last_updated_timestamp: 'm.updated_ms',
      timestamp: 'm.updated_ms',
    },
    [[MODEL_NAME, 'asc']],
  );
  const rest = restOf(given, MODELS, { conditions: [], order, page });
  const { rows, next } = cutPage(await selectModels(query, rest), page);
  const names = rows.map(({ name }) => name);
  const latest = byModel(await selectLatestVersions(query, names));
  const models = rows.map((row) => modelJson(row, latest.get(row.name) ?? []));
  return { registered_models: models, ...next };
}

/** A page of versions by filter and order; newest change first unless asked otherwise. */
export async function searchVersions(query: Query, given: Parameters): Promise<object> {
  const page = pageOf(given, { usual: 200_000, most: 200_000 });
  const asked = given.texts('order_by');
  const order = orderBySql(
    asked,
    {
      name: VERSION_NAME,
      version_number: 'v.version',
      creation_timestamp: 'v.created_ms',
      last_updated_timestamp: 'v.updated_ms',
      timestamp: 'v.updated_ms',
    },
    [
      ...(asked.length === 0 ? ([['v.updated_ms', 'desc']] as const) : []),
      [VERSION_NAME, 'asc'],
      ['v.version', 'desc'],
    ],
  );
  const rest = restOf(given, VERSIONS, { conditions: ['not v.is_deleted'], order, page });
  const { rows, next } = cutPage(await selectVersionHeads(query, rest), page);
  return { model_versions: rows.map(versionJson), ...next };
}

function restOf(
  given: Parameters,
  searchable: Searchable,
  { conditions, order, page }: { conditions: readonly string[]; order: string; page: Page },
): Rest {
  const sql = new SqlValues();
  const clauses = parseFilter(given.text('filter'));
  const all = [...conditions, ...sqlConditions(clauses, searchable, sql)];
  const where = all.length === 0 ? '' : `where ${all.join(' and ')}`;
  const window = `limit ${sql.bind(page.limit + 1)} offset ${sql.bind(page.offset)}`;
  return { text: `${where} order by ${order} ${window}`, values: sql.values };
}

function byModel(versions: readonly VersionHead[]): Map<string, VersionHead[]> {
  const versionsByModel = new Map<string, VersionHead[]>();
  for (const version of versions) {
    const known = versionsByModel.get(version.model);
    if (known) known.push(version);
    else versionsByModel.set(version.model, [version]);
  }
  return versionsByModel;
}
