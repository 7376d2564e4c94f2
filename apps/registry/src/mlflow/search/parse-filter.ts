import { refused } from '../mlflow-errors.ts';
import { filterTokens, malformed } from './filter-tokens.ts';
import type { Token } from './filter-tokens.ts';

export type Operator = '=' | '!=' | '<' | '<=' | '>' | '>=' | 'LIKE' | 'ILIKE' | 'IN' | 'NOT IN';
export type Value =
  | { kind: 'text'; text: string }
  | { kind: 'number'; digits: string }
  | { kind: 'texts'; texts: string[] };
/** `[entity.]key operator value`. */
export type Clause = {
  /** As written, in lower case; `undefined` for a bare key. */
  entity: string | undefined;
  key: string;
  operator: Operator;
  value: Value;
  at: number;
};

const LONGEST = 20_000;

/** Clauses joined by AND. Whatever is not of this form is refused with its position. */
export function parseFilter(filter: string | undefined): Clause[] {
  if (filter === undefined || filter.trim() === '') return [];
  if (filter.length > LONGEST)
    throw refused(`Invalid filter string: longer than ${LONGEST} characters`, 'filter');
  const reader = new TokenReader(filterTokens(filter));
  const clauses = [readClause(reader)];
  while (reader.peek().kind !== 'end') {
    const { at, value } = reader.peek();
    if (!reader.takeWord('AND')) throw malformed(`expected AND, found '${value}'`, at);
    clauses.push(readClause(reader));
  }
  return clauses;
}

class TokenReader {
  readonly #tokens: readonly Token[];
  #next = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  peek(): Token {
    return this.#tokens[this.#next] as Token; // the last one, `end`, is never taken
  }

  take(): Token {
    const token = this.peek();
    if (token.kind !== 'end') this.#next++;
    return token;
  }

  takeWord(word: string): boolean {
    const { kind, value } = this.peek();
    const isIt = kind === 'word' && value.toUpperCase() === word;
    if (isIt) this.take();
    return isIt;
  }

  takeSymbol(symbol: string): boolean {
    const { kind, value } = this.peek();
    const isIt = kind === 'symbol' && value === symbol;
    if (isIt) this.take();
    return isIt;
  }
}

function readClause(reader: TokenReader): Clause {
  const { at } = reader.peek();
  const identifier = readIdentifier(reader);
  const operator = readOperator(reader);
  const isList = operator === 'IN' || operator === 'NOT IN';
  return { ...identifier, operator, value: isList ? readList(reader) : readValue(reader), at };
}

/** Dots after the first belong to the key: `tags.mlflow.source.name`. */
function readIdentifier(reader: TokenReader): Pick<Clause, 'entity' | 'key'> {
  const parts = [readKeyPart(reader)];
  while (reader.takeSymbol('.')) parts.push(readKeyPart(reader));
  const [first = '', ...rest] = parts;
  return rest.length === 0
    ? { entity: undefined, key: first }
    : { entity: first.toLowerCase(), key: rest.join('.') };
}

function readKeyPart(reader: TokenReader): string {
  const { kind, value, at } = reader.take();
  if ((kind !== 'word' && kind !== 'key' && kind !== 'double' && kind !== 'number') || value === '')
    throw malformed(kind === 'end' ? 'a key is missing' : `expected a key, found '${value}'`, at);
  return value;
}

const SYMBOLS = new Set<string>(['=', '!=', '<', '<=', '>', '>='] satisfies Operator[]);

function readOperator(reader: TokenReader): Operator {
  if (reader.takeWord('LIKE')) return 'LIKE';
  if (reader.takeWord('ILIKE')) return 'ILIKE';
  if (reader.takeWord('IN')) return 'IN';
  const { kind, value, at } = reader.take();
  if (kind === 'word' && value.toUpperCase() === 'NOT' && reader.takeWord('IN')) return 'NOT IN';
  if (kind === 'symbol' && SYMBOLS.has(value)) return value as Operator;
  throw malformed(
    kind === 'end' ? 'an operator is missing' : `expected an operator, found '${value}'`,
    at,
  );
}

function readValue(reader: TokenReader): Value {
  const { kind, value, at } = reader.take();
  if (kind === 'text' || kind === 'double') return { kind: 'text', text: value };
  if (kind === 'number') return { kind: 'number', digits: value };
  throw malformed(
    kind === 'end' ? 'a value is missing' : `expected a quoted text or a number, found '${value}'`,
    at,
  );
}

function readList(reader: TokenReader): Value {
  const { at } = reader.peek();
  if (!reader.takeSymbol('(')) throw malformed('expected a list in parentheses', at);
  const texts: string[] = [];
  do {
    const { kind, value, at: itemAt } = reader.take();
    if (kind !== 'text' && kind !== 'double') throw malformed('expected a quoted text', itemAt);
    texts.push(value);
  } while (reader.takeSymbol(','));
  if (!reader.takeSymbol(')')) throw malformed('expected ) or ,', reader.peek().at);
  return { kind: 'texts', texts };
}
