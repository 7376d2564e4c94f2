import { sha256 } from '@flywheel/core';
import type { Sql } from '@flywheel/storage';
import { badToken, readToken } from '../search/page-token.ts';
import { parseFilter } from '../search/parse-filter.ts';
import type { Clause } from '../search/parse-filter.ts';
import { Bindings, comparison, keyedText, unfit } from '../search/sql-conditions.ts';
import type { Comparable } from '../search/sql-conditions.ts';
import { TokenReader } from '../search/token-reader.ts';
import { refused } from '../wire/mlflow-errors.ts';
import { modelColumns } from './logged-model.ts';
import type { LoggedModel, LoggedModelRow } from './logged-model.ts';
import { readModels } from './read-models.ts';

/** A dataset by name and, where it is given, by digest. */
export type DatasetChoice = { readonly name: string; readonly digest: string | undefined };

export type ModelOrder = {
  readonly field: string;
  readonly isAscending: boolean;
  readonly dataset: DatasetChoice | undefined;
};

export type LoggedModelSearch = {
  readonly experiments: readonly string[];
  readonly filter: string;
  /** Metrics in the filter count only if they were measured on one of these. */
  readonly datasets: readonly DatasetChoice[];
  readonly orderBy: readonly ModelOrder[];
  readonly token: string | undefined;
  readonly size: number;
};

/** One page of logged models. A token is good for the search that gave it only. */
export async function searchLoggedModels(
  sql: Sql,
  search: LoggedModelSearch,
): Promise<{ models?: LoggedModel[]; next_page_token?: string }> {
  const digest = digestOf(search);
  const offset = offsetIn(search.token, digest);
  const { text, values } = loggedModelSearchSql(search, offset);
  const rows = await sql.query<LoggedModelRow>(text, values);
  const models = await readModels(sql, rows.slice(0, search.size));
  return {
    ...(models.length === 0 ? {} : { models }),
    ...(rows.length > search.size
      ? { next_page_token: tokenOf({ offset: offset + search.size, search: digest }) }
      : {}),
  };
}

/** The statement of a search; separate from running it, so that it can be looked at. */
export function loggedModelSearchSql(
  search: LoggedModelSearch,
  offset: number,
): { text: string; values: unknown[] } {
  const bindings = new Bindings();
  const conditions = [
    `m.experiment = any(${bindings.bind(search.experiments)}::bigint[])`,
    "m.lifecycle = 'active'",
    ...parseFilter(search.filter).map((clause) => condition(clause, search.datasets, bindings)),
  ];
  const { joins, terms } = order(search.orderBy, bindings);
  return {
    text: `select ${modelColumns} from logged_models m ${joins.join(' ')}
      where ${conditions.join(' and ')}
      order by ${terms.join(', ')}
      limit ${bindings.bind(search.size + 1)} offset ${bindings.bind(offset)}`,
    values: bindings.values,
  };
}

const attributes: ReadonlyMap<string, Comparable> = new Map(
  Object.entries({
    name: { sql: 'm.name', kind: 'text', isListable: true },
    model_id: { sql: 'm.id', kind: 'text', isListable: true },
    model_type: { sql: 'm.model_type', kind: 'text', isListable: true },
    status: { sql: 'm.status', kind: 'text', isListable: true },
    source_run_id: { sql: 'm.source_run', kind: 'text', isListable: true },
    creation_timestamp: { sql: 'm.created_ms', kind: 'integer' },
    creation_time: { sql: 'm.created_ms', kind: 'integer' },
    last_updated_timestamp: { sql: 'm.updated_ms', kind: 'integer' },
    last_updated_time: { sql: 'm.updated_ms', kind: 'integer' },
  } as const),
);

function condition(clause: Clause, datasets: readonly DatasetChoice[], bindings: Bindings): string {
  const { entity, key } = clause.subject;
  switch (entity) {
    case undefined:
    case 'attributes': {
      const attribute = attributes.get(key);
      if (!attribute)
        throw unfit(clause, `no such attribute: ${[...attributes.keys()].join(', ')}`);
      return comparison(attribute, clause, bindings);
    }
    case 'tags':
    case 'params':
      return keyedText(clause, bindings, {
        table: `logged_model_${entity}`,
        column: 'model',
        owner: 'm.id',
        isListable: true,
      });
    case 'metrics': {
      const onDatasets =
        datasets.length === 0
          ? ''
          : ` and (${datasets.map((dataset) => isMeasuredOn('v', dataset, bindings)).join(' or ')})`;
      return `exists (select 1 from logged_model_metrics v
        where v.model = m.id and v.key = ${bindings.bind(key)}::text${onDatasets}
        and ${comparison({ sql: 'v.value', kind: 'float' }, clause, bindings)})`;
    }
    default:
      throw unfit(clause, 'no such entity: attributes, metrics, params or tags');
  }
}

function isMeasuredOn(alias: string, { name, digest }: DatasetChoice, bindings: Bindings): string {
  const named = `${alias}.dataset_name = ${bindings.bind(name)}::text`;
  return digest === undefined
    ? named
    : `(${named} and ${alias}.dataset_digest = ${bindings.bind(digest)}::text)`;
}

function order(
  orders: readonly ModelOrder[],
  bindings: Bindings,
): { joins: string[]; terms: string[] } {
  const joins: string[] = [];
  const terms: string[] = [];
  const seen = new Set<string>();
  for (const [index, { field, isAscending, dataset }] of orders.entries()) {
    const label = `order_by[${index}].field_name`;
    const reader = new TokenReader(field, label);
    const { entity, key } = reader.subject();
    if (reader.peek() !== undefined) throw reader.fault(reader.position, 'expected nothing more');
    const direction = `${isAscending ? 'asc' : 'desc'} nulls last`;
    const attribute =
      entity === undefined || entity === 'attributes' ? attributes.get(key) : undefined;
    const name = attribute?.sql ?? JSON.stringify([field, dataset]);
    if (seen.has(name)) throw refused(`Invalid order_by: '${field}' stands twice`, label);
    seen.add(name);
    if (attribute) {
      terms.push(`${attribute.sql}${attribute.kind === 'text' ? ' collate "C"' : ''} ${direction}`);
      continue;
    }
    if (entity !== 'metrics')
      throw refused(`Invalid order_by: '${field}' is no attribute and no metric`, label);
    const alias = `o${index}`;
    joins.push(`left join lateral (
      select v.value from logged_model_metrics v
      where v.model = m.id and v.key = ${bindings.bind(key)}::text
      ${dataset ? `and ${isMeasuredOn('v', dataset, bindings)}` : ''}
      order by v.step desc, v.timestamp_ms desc, v.value desc limit 1) ${alias} on true`);
    terms.push(`(${alias}.value = 'NaN'::float8) asc nulls last`, `${alias}.value ${direction}`);
  }
  if (!seen.has('m.created_ms')) terms.push('m.created_ms desc');
  if (!seen.has('m.id')) terms.push('m.id collate "C" asc');
  return { joins, terms };
}

function digestOf({ experiments, filter, datasets, orderBy }: LoggedModelSearch): string {
  return sha256(JSON.stringify([experiments, filter, datasets, orderBy])).slice(0, 16);
}

function tokenOf(token: { offset: number; search: string }): string {
  return Buffer.from(JSON.stringify(token)).toString('base64');
}

function offsetIn(token: string | undefined, digest: string): number {
  if (token === undefined || token === '') return 0;
  const { offset, search } = readToken(token);
  if (typeof offset !== 'number' || !Number.isSafeInteger(offset) || offset < 0) throw badToken();
  if (search !== digest)
    throw refused('Invalid page token: it belongs to another search', 'page_token');
  return offset;
}
