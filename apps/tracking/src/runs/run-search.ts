import type { Sql } from '@flywheel/storage';
import { lifecyclesOf } from '../experiments/experiment.ts';
import type { ViewType } from '../experiments/experiment.ts';
import { parseFilter } from '../search/parse-filter.ts';
import type { Clause } from '../search/parse-filter.ts';
import { parseOrder } from '../search/parse-order.ts';
import type { OrderTerm } from '../search/parse-order.ts';
import { page } from '../search/page-token.ts';
import { Bindings, comparison, keyedText, unfit } from '../search/sql-conditions.ts';
import type { Comparable } from '../search/sql-conditions.ts';
import { refused } from '../wire/mlflow-errors.ts';
import { readRuns } from './read-runs.ts';
import { runColumns } from './run.ts';
import type { Run, RunRow } from './run.ts';

export type RunSearch = {
  readonly experiments: readonly string[];
  readonly filter: string;
  readonly orderBy: readonly string[];
  readonly view: ViewType | undefined;
  readonly offset: number;
  readonly size: number;
};

/** One page of runs with all that belongs to them. */
export async function searchRuns(
  sql: Sql,
  search: RunSearch,
): Promise<{ runs?: Run[]; next_page_token?: string }> {
  const { text, values } = runSearchSql(search);
  if (search.experiments.length === 0) return {};
  const found = page(await sql.query<RunRow>(text, values), search);
  const runs = await readRuns(sql, found.rows);
  return { ...(runs.length === 0 ? {} : { runs }), ...found.token };
}

/** The statement of a search; separate from running it, so that it can be looked at. */
export function runSearchSql(search: RunSearch): { text: string; values: unknown[] } {
  const bindings = new Bindings();
  const conditions = [
    `r.experiment = any(${bindings.bind(search.experiments)}::bigint[])`,
    `r.lifecycle = any(${bindings.bind(lifecyclesOf(search.view))}::text[])`,
    ...parseFilter(search.filter).map((clause) => condition(clause, bindings)),
  ];
  const { joins, terms } = order(parseOrder(search.orderBy), bindings);
  return {
    text: `select ${runColumns} from runs r ${joins.join(' ')}
      where ${conditions.join(' and ')}
      order by ${terms.join(', ')}
      limit ${bindings.bind(search.size + 1)} offset ${bindings.bind(search.offset)}`,
    values: bindings.values,
  };
}

const attributes: Readonly<Record<string, Comparable>> = {
  run_id: { sql: 'r.id', kind: 'text', isListable: true },
  run_name: { sql: 'r.name', kind: 'text' },
  user_id: { sql: 'r.user_id', kind: 'text' },
  status: { sql: 'r.status', kind: 'text' },
  artifact_uri: { sql: 'r.artifact_uri', kind: 'text' },
  start_time: { sql: 'r.start_ms', kind: 'integer' },
  end_time: { sql: 'r.end_ms', kind: 'integer' },
};
const attributeAliases: Readonly<Record<string, string>> = {
  run_uuid: 'run_id',
  'run name': 'run_name',
  'Run name': 'run_name',
  'Run Name': 'run_name',
  created: 'start_time',
  Created: 'start_time',
};

type Kind = 'attribute' | 'metric' | 'param' | 'tag' | 'dataset';
const kinds: Readonly<Record<string, Kind>> = {
  attribute: 'attribute',
  attributes: 'attribute',
  attr: 'attribute',
  run: 'attribute',
  metric: 'metric',
  metrics: 'metric',
  param: 'param',
  params: 'param',
  parameter: 'param',
  parameters: 'param',
  tag: 'tag',
  tags: 'tag',
  dataset: 'dataset',
  datasets: 'dataset',
};

function kindOf(entity: string | undefined): Kind | undefined {
  if (entity === undefined) return 'attribute';
  return Object.hasOwn(kinds, entity) ? kinds[entity] : undefined;
}

function attributeOf(key: string): Comparable | undefined {
  const name = Object.hasOwn(attributeAliases, key) ? attributeAliases[key] : key;
  return name !== undefined && Object.hasOwn(attributes, name) ? attributes[name] : undefined;
}

function condition(clause: Clause, bindings: Bindings): string {
  const { entity, key } = clause.subject;
  switch (kindOf(entity)) {
    case 'attribute': {
      const attribute = attributeOf(key);
      if (!attribute)
        throw unfit(clause, `no such attribute: ${Object.keys(attributes).join(', ')}`);
      return comparison(attribute, clause, bindings);
    }
    case 'metric':
      return `exists (select 1 from series m where m.run = r.number and m.key = ${bindings.bind(key)}::text
        and ${comparison({ sql: 'm.value', kind: 'float' }, clause, bindings)})`;
    case 'param':
      return keyedText(clause, bindings, { table: 'run_params', column: 'run', owner: 'r.number' });
    case 'tag':
      return keyedText(clause, bindings, { table: 'run_tags', column: 'run', owner: 'r.number' });
    case 'dataset':
      return datasetCondition(clause, bindings);
    case undefined:
      throw unfit(clause, 'no such entity: metric, param, tag, attribute or dataset');
  }
}

const datasetFields: Readonly<Record<string, Comparable>> = {
  name: { sql: 'd.name', kind: 'text', isListable: true },
  digest: { sql: 'd.digest', kind: 'text', isListable: true },
  context: { sql: "t.item ->> 'value'", kind: 'text', isListable: true },
};
const contextTag = 'mlflow.data.context';

function datasetCondition(clause: Clause, bindings: Bindings): string {
  const { key } = clause.subject;
  const field = Object.hasOwn(datasetFields, key) ? datasetFields[key] : undefined;
  if (!field) throw unfit(clause, `no such field: ${Object.keys(datasetFields).join(', ')}`);
  const tags =
    key === 'context'
      ? `join lateral jsonb_array_elements(i.tags) as t (item) on t.item ->> 'key' = '${contextTag}'`
      : '';
  return `exists (select 1 from run_datasets i join datasets d on d.id = i.dataset ${tags}
    where i.run = r.number and ${comparison(field, clause, bindings)})`;
}

const tables = { param: 'run_params', tag: 'run_tags' } as const;

/**
 * What a page is ordered by: missing values last, NaN after all numbers, text by its bytes. The newest run comes first
 * among equals, then ids decide.
 */
function order(
  terms: readonly OrderTerm[],
  bindings: Bindings,
): { joins: string[]; terms: string[] } {
  const joins: string[] = [];
  const parts: string[] = [];
  const seen = new Set<string>();
  for (const [index, term] of terms.entries()) {
    const { subject, isDescending } = term;
    const kind = kindOf(subject.entity);
    const direction = `${isDescending ? 'desc' : 'asc'} nulls last`;
    const alias = `o${index}`;
    const attribute = kind === 'attribute' ? attributeOf(subject.key) : undefined;
    const name = attribute ? attribute.sql : `${kind ?? ''}.${subject.key}`;
    if (seen.has(name))
      throw refused(`Invalid order_by: '${subject.key}' stands twice`, 'order_by');
    seen.add(name);
    if (attribute) {
      parts.push(`${attribute.sql}${attribute.kind === 'text' ? ' collate "C"' : ''} ${direction}`);
      continue;
    }
    if (kind !== 'metric' && kind !== 'param' && kind !== 'tag')
      throw refused(`Invalid order_by: '${subject.key}' cannot be ordered by`, 'order_by');
    const table = kind === 'metric' ? 'series' : tables[kind];
    joins.push(
      `left join ${table} ${alias} on ${alias}.run = r.number and ${alias}.key = ${bindings.bind(subject.key)}::text`,
    );
    if (kind === 'metric')
      parts.push(`(${alias}.value = 'NaN'::float8) asc nulls last`, `${alias}.value ${direction}`);
    else parts.push(`${alias}.value collate "C" ${direction}`);
  }
  if (!seen.has('r.start_ms')) parts.push('r.start_ms desc');
  if (!seen.has('r.id')) parts.push('r.id collate "C" asc');
  return { joins, terms: parts };
}
