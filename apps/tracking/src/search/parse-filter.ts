import { TokenReader } from './token-reader.ts';
import type { Subject } from './token-reader.ts';

export const comparators = ['=', '!=', '>', '>=', '<', '<=', 'LIKE', 'ILIKE'] as const;
export type Comparator = (typeof comparators)[number];

export type Operand =
  | { readonly kind: 'text'; readonly text: string }
  /** As written, so that big integers keep their digits. */
  | { readonly kind: 'number'; readonly text: string };

/** What a clause demands of its subject. */
export type Condition =
  | { readonly kind: 'compare'; readonly comparator: Comparator; readonly operand: Operand }
  | { readonly kind: 'in'; readonly isNegated: boolean; readonly values: readonly string[] }
  | { readonly kind: 'null'; readonly isNegated: boolean };

export type Clause = { readonly subject: Subject; readonly condition: Condition };

/** `clause AND clause AND …`, each `[entity.]key operator value`. Empty text has no clauses. */
export function parseFilter(text: string, field = 'filter'): Clause[] {
  const reader = new TokenReader(text, field);
  const clauses: Clause[] = [];
  if (reader.peek() === undefined) return clauses;
  for (;;) {
    clauses.push({ subject: reader.subject(), condition: condition(reader) });
    if (reader.peek() === undefined) return clauses;
    const { position } = reader;
    if (!reader.takeWord('AND'))
      throw reader.fault(position, "expected AND: clauses are joined by 'AND' only");
  }
}

function condition(reader: TokenReader): Condition {
  const { position } = reader;
  const token = reader.take();
  if (token?.kind === 'sign') {
    const comparator = comparators.find((candidate) => candidate === token.text);
    if (comparator) return { kind: 'compare', comparator, operand: operand(reader) };
  }
  if (token?.kind === 'word') {
    const word = token.text.toUpperCase();
    if (word === 'LIKE' || word === 'ILIKE')
      return { kind: 'compare', comparator: word, operand: operand(reader) };
    if (word === 'IN') return { kind: 'in', isNegated: false, values: list(reader) };
    if (word === 'NOT' && reader.takeWord('IN'))
      return { kind: 'in', isNegated: true, values: list(reader) };
    if (word === 'IS') {
      const isNegated = reader.takeWord('NOT');
      if (reader.takeWord('NULL')) return { kind: 'null', isNegated };
    }
  }
  throw reader.fault(
    position,
    `expected a comparator: one of ${comparators.join(', ')}, IN, NOT IN, IS NULL, IS NOT NULL`,
  );
}

function operand(reader: TokenReader): Operand {
  const { position } = reader;
  const token = reader.take();
  if (token?.kind === 'text') return { kind: 'text', text: token.text };
  if (token?.kind === 'number') return { kind: 'number', text: token.text };
  throw reader.fault(position, 'expected a number or text in quotes');
}

function list(reader: TokenReader): string[] {
  const values: string[] = [];
  const expect = (sign: string) => {
    const { position } = reader;
    if (!reader.takeSign(sign)) throw reader.fault(position, `expected '${sign}'`);
  };
  expect('(');
  for (;;) {
    const { position } = reader;
    const token = reader.take();
    if (token?.kind !== 'text') throw reader.fault(position, 'expected text in quotes');
    values.push(token.text);
    if (reader.takeSign(')')) return values;
    expect(',');
  }
}
