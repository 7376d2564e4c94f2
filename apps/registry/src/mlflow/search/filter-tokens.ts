import { refused } from '../mlflow-errors.ts';

export type Token = {
  /** `double` is text in double quotes: a key or a value, by where it stands. */
  kind: 'word' | 'number' | 'text' | 'double' | 'key' | 'symbol' | 'end';
  value: string;
  /** Position in the filter, from 0. */
  at: number;
};

const SPACE = /\s+/y;
const PATTERNS: readonly [Token['kind'], RegExp][] = [
  ['text', /'((?:[^']|'')*)'/y],
  ['double', /"((?:[^"]|"")*)"/y],
  ['key', /`((?:[^`]|``)*)`/y],
  ['number', /-?\d+(?:\.\d+)?(?![\w-])/y],
  ['word', /[\p{L}\p{N}_][\p{L}\p{N}_-]*/uy],
  ['symbol', /!=|>=|<=|[=<>(),.]/y],
];

/** A filter cut into its words; a quote within quotes of its kind is written twice. */
export function filterTokens(filter: string): Token[] {
  const tokens: Token[] = [];
  let at = lengthAt(SPACE, filter, 0);
  while (at < filter.length) {
    const token = tokenAt(filter, at);
    tokens.push(token.token);
    at = token.end + lengthAt(SPACE, filter, token.end);
  }
  return [...tokens, { kind: 'end', value: '', at: filter.length }];
}

function tokenAt(filter: string, at: number): { token: Token; end: number } {
  for (const [kind, pattern] of PATTERNS) {
    pattern.lastIndex = at;
    const found = pattern.exec(filter);
    if (!found) continue;
    const [whole, inner] = found;
    const quote = whole.charAt(0);
    const value = inner === undefined ? whole : inner.replaceAll(quote + quote, quote);
    return { token: { kind, value, at }, end: pattern.lastIndex };
  }
  throw malformed(`unexpected ${JSON.stringify(filter.charAt(at))}`, at);
}

function lengthAt(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0].length ?? 0;
}

export function malformed(what: string, at: number) {
  return refused(`Invalid filter string: ${what} at position ${at}`, 'filter');
}
