import { refused } from '../mlflow-errors.ts';
import type { Clause, Operator, Value } from './parse-filter.ts';

/** A statement's text with its values on the side: nothing a caller wrote becomes text of it. */
export class SqlValues {
  readonly values: unknown[] = [];

  bind(value: unknown): string {
    this.values.push(value);
    return `$${this.values.length}`;
  }
}

/** What can be filtered by: columns, and the table of tags with how its rows belong to the row. */
export type Searchable = {
  columns: Readonly<Record<string, { column: string; kind: 'text' | 'number' | 'id' }>>;
  tags: { table: string; join: string };
};

const TEXT_OPERATORS: readonly Operator[] = ['=', '!=', 'LIKE', 'ILIKE'];
const NUMBER_OPERATORS: readonly Operator[] = ['=', '!=', '<', '<=', '>', '>='];
/** A model without this tag is no prompt, so that `!=` finds it: every client asks for models that way. */
const PROMPT_TAG = 'mlflow.prompt.is_prompt';

/** One condition for each clause. */
export function sqlConditions(
  clauses: readonly Clause[],
  searchable: Searchable,
  sql: SqlValues,
): string[] {
  return clauses.map((clause) => {
    switch (clause.entity) {
      case 'tag':
      case 'tags':
        return tagCondition(clause, searchable.tags, sql);
      case undefined:
      case 'attr':
      case 'attribute':
      case 'attributes':
        return columnCondition(clause, searchable.columns, sql);
      default:
        throw refusedClause(clause, `invalid entity type '${clause.entity}'`);
    }
  });
}

function tagCondition(clause: Clause, tags: Searchable['tags'], sql: SqlValues): string {
  check(clause, TEXT_OPERATORS);
  const isPromptRule = clause.key === PROMPT_TAG && clause.operator === '!=';
  const key = sql.bind(clause.key);
  const value = comparison('t.value', isPromptRule ? { ...clause, operator: '=' } : clause, sql);
  return `${isPromptRule ? 'not ' : ''}exists (select 1 from ${tags.table} t where ${tags.join} and t.key = ${key} and ${value})`;
}

function columnCondition(clause: Clause, columns: Searchable['columns'], sql: SqlValues): string {
  const found = Object.hasOwn(columns, clause.key) ? columns[clause.key] : undefined;
  if (!found)
    throw refusedClause(
      clause,
      `invalid attribute key '${clause.key}', must be ${Object.keys(columns).join(', ')} or a tag`,
    );
  const { column, kind } = found;
  if (kind === 'number') {
    check(clause, NUMBER_OPERATORS);
    return `${column} ${operatorSql(clause.operator)} ${sql.bind(numberOf(clause))}::numeric`;
  }
  check(clause, kind === 'id' ? [...TEXT_OPERATORS, 'IN'] : TEXT_OPERATORS);
  return comparison(column, clause, sql);
}

function comparison(column: string, clause: Clause, sql: SqlValues): string {
  const { operator, value } = clause;
  if (value.kind === 'texts') return `${column} = any(${sql.bind(value.texts)}::text[])`;
  const text = sql.bind(textOf(clause, value));
  // without an escape character a backslash is a backslash, as elsewhere in a filter
  if (operator === 'LIKE' || operator === 'ILIKE')
    return `${column} ${operator.toLowerCase()} ${text}::text escape ''`;
  return `${column} ${operatorSql(operator)} ${text}::text`;
}

function operatorSql(operator: Operator): string {
  return operator === '!=' ? '<>' : operator;
}

function check(clause: Clause, allowed: readonly Operator[]): void {
  if (!allowed.includes(clause.operator))
    throw refusedClause(
      clause,
      `invalid comparator '${clause.operator}' for '${clause.key}', must be ${allowed.join(', ')}`,
    );
}

function textOf(clause: Clause, value: Value): string {
  if (value.kind !== 'text')
    throw refusedClause(clause, `expected a quoted text as the value of '${clause.key}'`);
  return value.text;
}

function numberOf(clause: Clause): string {
  if (clause.value.kind !== 'number')
    throw refusedClause(clause, `expected a number as the value of '${clause.key}'`);
  return clause.value.digits;
}

function refusedClause({ at }: Clause, what: string) {
  return refused(`Invalid filter string: ${what}, at position ${at}`, 'filter');
}
