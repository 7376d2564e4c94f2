import { refused } from '../wire/mlflow-errors.ts';

/** A piece of a filter or an order; `position` counts characters from 0. */
export type Token =
  | { readonly kind: 'word'; readonly text: string; readonly position: number }
  /** A name in backticks, quotes taken off. */
  | { readonly kind: 'name'; readonly text: string; readonly position: number }
  /** Text in single or double quotes, quotes taken off; double quotes may also stand around a name. */
  | {
      readonly kind: 'text';
      readonly text: string;
      readonly position: number;
      readonly quote: '"' | "'";
    }
  | { readonly kind: 'number'; readonly text: string; readonly position: number }
  | { readonly kind: 'sign'; readonly text: string; readonly position: number };

const blank = /\s+/y;
const word = /[\p{L}_][\p{L}\p{N}_.]*/uy;
const number = /[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\p{L}\p{N}_.])/uy;
const sign = /!=|>=|<=|=|>|<|\(|\)|,|\./y;

/** Longer filters are a mistake, and each clause costs the database a look. */
const longest = 32_768;

/** Splits a filter; a malformed one is refused with its position. */
export function tokenize(text: string, field: string): Token[] {
  if (text.length > longest)
    throw refused(`Invalid ${field}: must have at most ${longest} characters`, field);
  const tokens: Token[] = [];
  for (let at = 0; at < text.length;) {
    const space = matchAt(blank, text, at);
    if (space !== undefined) {
      at += space.length;
      continue;
    }
    const token = tokenAt(text, at, field);
    tokens.push(token.token);
    at = token.end;
  }
  return tokens;
}

function tokenAt(text: string, at: number, field: string): { token: Token; end: number } {
  const first = text[at] as string;
  if (first === '`' || first === '"' || first === "'") return quotedAt(text, at, field);
  for (const [kind, pattern] of [
    ['word', word],
    ['number', number],
    ['sign', sign],
  ] as const) {
    const found = matchAt(pattern, text, at);
    if (found !== undefined)
      return { token: { kind, text: found, position: at }, end: at + found.length };
  }
  throw malformed(field, at, `unexpected ${JSON.stringify(text.slice(at, at + 1))}`);
}

/** A quote within quotes is written twice, as in SQL. */
function quotedAt(text: string, at: number, field: string): { token: Token; end: number } {
  const quote = text[at] as '`' | '"' | "'";
  let value = '';
  for (let from = at + 1; ;) {
    const end = text.indexOf(quote, from);
    if (end < 0) throw malformed(field, at, `the quote ${quote} is not closed`);
    value += text.slice(from, end);
    if (text[end + 1] !== quote) {
      const token: Token =
        quote === '`'
          ? { kind: 'name', text: value, position: at }
          : { kind: 'text', text: value, position: at, quote };
      return { token, end: end + 1 };
    }
    value += quote;
    from = end + 2;
  }
}

function matchAt(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

export function malformed(field: string, position: number, rule: string) {
  return refused(`Invalid ${field} at position ${position}: ${rule}`, field);
}
