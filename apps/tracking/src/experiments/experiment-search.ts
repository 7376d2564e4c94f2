import type { Sql } from '@flywheel/storage';
import { parseFilter } from '../search/parse-filter.ts';
import type { Clause } from '../search/parse-filter.ts';
import { parseOrder } from '../search/parse-order.ts';
import type { OrderTerm } from '../search/parse-order.ts';
import { page } from '../search/page-token.ts';
import { Bindings, comparison, keyedText, unfit } from '../search/sql-conditions.ts';
import { refused } from '../wire/mlflow-errors.ts';
import { experimentColumns, lifecyclesOf, toExperiment } from './experiment.ts';
import type { Experiment, ExperimentRow, ViewType } from './experiment.ts';

export type ExperimentSearch = {
  readonly filter: string;
  readonly orderBy: readonly string[];
  readonly view: ViewType | undefined;
  readonly offset: number;
  readonly size: number;
};

/** One page of experiments. */
export async function searchExperiments(
  sql: Sql,
  search: ExperimentSearch,
): Promise<{ experiments: Experiment[]; next_page_token?: string }> {
  const { text, values } = experimentSearchSql(search);
  const found = page(await sql.query<ExperimentRow>(text, values), search);
  return { experiments: found.rows.map(toExperiment), ...found.token };
}

/** The statement of a search; separate from running it, so that it can be looked at. */
export function experimentSearchSql(search: ExperimentSearch): { text: string; values: unknown[] } {
  const bindings = new Bindings();
  const conditions = [
    `e.lifecycle = any(${bindings.bind(lifecyclesOf(search.view))}::text[])`,
    ...parseFilter(search.filter).map((clause) => condition(clause, bindings)),
  ];
  return {
    text: `select ${experimentColumns} from experiments e
      where ${conditions.join(' and ')}
      order by ${order(parseOrder(search.orderBy)).join(', ')}
      limit ${bindings.bind(search.size + 1)} offset ${bindings.bind(search.offset)}`,
    values: bindings.values,
  };
}

const attributes = {
  name: { sql: 'e.name', kind: 'text' },
  creation_time: { sql: 'e.created_ms', kind: 'integer' },
  last_update_time: { sql: 'e.updated_ms', kind: 'integer' },
} as const;
const attributeEntities = new Set([undefined, 'attribute', 'attributes', 'attr']);
const tagEntities = new Set(['tag', 'tags']);

function condition(clause: Clause, bindings: Bindings): string {
  const { entity, key } = clause.subject;
  if (entity !== undefined && tagEntities.has(entity))
    return keyedText(clause, bindings, {
      table: 'experiment_tags',
      column: 'experiment',
      owner: 'e.id',
    });
  if (!attributeEntities.has(entity)) throw unfit(clause, 'no such entity: attribute or tag');
  if (!Object.hasOwn(attributes, key))
    throw unfit(clause, `no such attribute: ${Object.keys(attributes).join(', ')}`);
  return comparison(attributes[key as keyof typeof attributes], clause, bindings);
}

const orderable: Readonly<Record<string, string>> = {
  name: 'e.name collate "C"',
  experiment_id: 'e.id',
  creation_time: 'e.created_ms',
  last_update_time: 'e.updated_ms',
};

function order(terms: readonly OrderTerm[]): string[] {
  if (terms.length === 0) return ['e.created_ms desc', 'e.id asc'];
  const seen = new Set<string>();
  const parts = terms.map(({ subject: { entity, key }, isDescending }) => {
    const sql = attributeEntities.has(entity) && Object.hasOwn(orderable, key) && orderable[key];
    if (!sql)
      throw refused(
        `Invalid order_by: '${key}' is none of ${Object.keys(orderable).join(', ')}`,
        'order_by',
      );
    if (seen.has(key)) throw refused(`Invalid order_by: '${key}' stands twice`, 'order_by');
    seen.add(key);
    return `${sql} ${isDescending ? 'desc' : 'asc'}`;
  });
  return [...parts, 'e.id desc'];
}
