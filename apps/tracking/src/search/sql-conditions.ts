import { refused } from '../wire/mlflow-errors.ts';
import type { Clause, Condition } from './parse-filter.ts';

/** The values of a statement; text of a caller gets into SQL through here only. */
export class Bindings {
  readonly values: unknown[] = [];

  /** The placeholder that stands for the value. */
  bind(value: unknown): string {
    return `$${this.values.push(value)}`;
  }
}

/** What kind of value an expression has, and with it what it can be compared to. */
export type Comparable = {
  readonly sql: string;
  readonly kind: 'text' | 'integer' | 'float';
  /** Whether IN and NOT IN are allowed. */
  readonly isListable?: boolean;
};

const numeric = new Set(['=', '!=', '>', '>=', '<', '<=']);
const textual = new Set(['=', '!=', 'LIKE', 'ILIKE']);

/** `expression comparator value` in SQL. What the kind of the expression does not allow is refused. */
export function comparison(
  { sql, kind, isListable }: Comparable,
  clause: Clause,
  bindings: Bindings,
): string {
  const { condition } = clause;
  switch (condition.kind) {
    case 'null':
      throw unfit(clause, 'IS NULL is for tags and params only');
    case 'in':
      if (kind !== 'text' || isListable !== true) throw unfit(clause, 'cannot be compared by IN');
      return condition.isNegated
        ? `${sql} <> all(${bindings.bind(condition.values)}::text[])`
        : `${sql} = any(${bindings.bind(condition.values)}::text[])`;
    case 'compare':
      return kind === 'text'
        ? textComparison(sql, clause, condition, bindings)
        : numberComparison({ sql, kind }, clause, condition, bindings);
  }
}

type Compare = Extract<Condition, { kind: 'compare' }>;

function textComparison(
  sql: string,
  clause: Clause,
  { comparator, operand }: Compare,
  bindings: Bindings,
): string {
  if (!textual.has(comparator)) throw unfit(clause, `text cannot be compared by ${comparator}`);
  if (operand.kind !== 'text') throw unfit(clause, 'must be compared with text in quotes');
  const value = `${bindings.bind(operand.text)}::text`;
  // without an escape character: every backslash means itself
  return comparator === 'LIKE' || comparator === 'ILIKE'
    ? `${sql} ${comparator} ${value} escape ''`
    : `${sql} ${signOf(comparator)} ${value}`;
}

function numberComparison(
  { sql, kind }: Comparable,
  clause: Clause,
  { comparator, operand }: Compare,
  bindings: Bindings,
): string {
  if (!numeric.has(comparator)) throw unfit(clause, `numbers cannot be compared by ${comparator}`);
  if (operand.kind !== 'number') throw unfit(clause, 'must be compared with a number, not text');
  if (kind === 'integer' && /^[+-]?\d{1,100}$/.test(operand.text))
    return `${sql} ${signOf(comparator)} ${bindings.bind(operand.text)}::numeric`;
  const value = `${bindings.bind(Number(operand.text))}::float8`;
  if (kind === 'integer') return `${sql}::float8 ${signOf(comparator)} ${value}`;
  // PostgreSQL holds NaN for the greatest number: here it is like none, so it differs from all and compares with none
  const comparing = `${sql} ${signOf(comparator)} ${value}`;
  return comparator === '!=' ? comparing : `(${comparing} and ${sql} <> 'NaN'::float8)`;
}

function signOf(comparator: string): string {
  return comparator === '!=' ? '<>' : comparator;
}

/** Tags and params: rows of `table` that belong to `owner` by their column `column`. */
export function keyedText(
  clause: Clause,
  bindings: Bindings,
  {
    table,
    column,
    owner,
    isListable = false,
  }: { table: string; column: string; owner: string; isListable?: boolean },
): string {
  const { condition, subject } = clause;
  const found = `select 1 from ${table} t where t.${column} = ${owner} and t.key = ${bindings.bind(subject.key)}::text`;
  if (condition.kind === 'null') return `${condition.isNegated ? '' : 'not '}exists (${found})`;
  return `exists (${found} and ${comparison({ sql: 't.value', kind: 'text', isListable }, clause, bindings)})`;
}

export function unfit({ subject }: Pick<Clause, 'subject'>, rule: string) {
  const name = subject.entity === undefined ? subject.key : `${subject.entity}.${subject.key}`;
  return refused(`Invalid filter at position ${subject.position}: '${name}': ${rule}`, 'filter');
}
