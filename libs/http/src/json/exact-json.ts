/** Why and where a text is not JSON: `position` counts UTF-16 code units from 0. */
export type JsonFault = { readonly rule: string; readonly position: number };

export type ExactJsonOptions = {
  /** Deepest nesting of arrays and objects. */
  readonly maxDepth: number;
  /** Integers that a double cannot hold exactly become bigint. */
  readonly bigIntegers: boolean;
  /** Accept the bare tokens NaN, Infinity and -Infinity, which Python writes. */
  readonly nonFinite: boolean;
};

export type ExactJsonResult =
  { readonly kind: 'value'; readonly value: unknown } | ({ readonly kind: 'fault' } & JsonFault);

/**
 * RFC 8259 in plain TypeScript: slower than `JSON.parse`, but it keeps the digits of integers, stops at a depth,
 * and says where a text breaks.
 */
export function parseExactJson(text: string, options: ExactJsonOptions): ExactJsonResult {
  const parser = new ExactJsonParser(text, options);
  try {
    return { kind: 'value', value: parser.document() };
  } catch (thrown) {
    if (thrown instanceof Fault)
      return { kind: 'fault', rule: thrown.message, position: thrown.position };
    throw thrown;
  }
}

class Fault extends Error {
  readonly position: number;

  constructor(rule: string, position: number) {
    super(rule);
    this.position = position;
  }
}

const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

class ExactJsonParser {
  readonly #text: string;
  readonly #options: ExactJsonOptions;
  #at = 0;

  constructor(text: string, options: ExactJsonOptions) {
    this.#text = text;
    this.#options = options;
  }

  document(): unknown {
    const value = this.#value(0);
    this.#space();
    if (this.#at < this.#text.length) throw this.#fault('unexpected text after the value');
    return value;
  }

  #value(depth: number): unknown {
    this.#space();
    switch (this.#text[this.#at]) {
      case '{':
        return this.#object(depth + 1);
      case '[':
        return this.#array(depth + 1);
      case '"':
        return this.#string();
      case undefined:
        throw this.#fault('unexpected end');
      default:
        return this.#scalar();
    }
  }

  #object(depth: number): Record<string, unknown> {
    this.#enter(depth);
    const value: Record<string, unknown> = {};
    if (this.#take('}')) return value;
    for (;;) {
      this.#space();
      if (this.#text[this.#at] !== '"') throw this.#fault('expected a name in double quotes');
      const name = this.#string();
      if (!this.#take(':')) throw this.#fault("expected ':'");
      const member = this.#value(depth);
      // assignment would replace the prototype instead of adding a member
      if (name === '__proto__')
        Object.defineProperty(value, name, {
          value: member,
          enumerable: true,
          configurable: true,
          writable: true,
        });
      else value[name] = member;
      if (this.#take('}')) return value;
      if (!this.#take(',')) throw this.#fault("expected ',' or '}'");
    }
  }

  #array(depth: number): unknown[] {
    this.#enter(depth);
    const value: unknown[] = [];
    if (this.#take(']')) return value;
    for (;;) {
      value.push(this.#value(depth));
      if (this.#take(']')) return value;
      if (!this.#take(',')) throw this.#fault("expected ',' or ']'");
    }
  }

  #enter(depth: number): void {
    if (depth > this.#options.maxDepth)
      throw this.#fault(`is nested deeper than ${this.#options.maxDepth} levels`);
    this.#at++;
  }

  #string(): string {
    let value = '';
    this.#at++;
    for (;;) {
      value += this.#match(PLAIN);
      const next = this.#text[this.#at];
      if (next === '"') {
        this.#at++;
        return value;
      }
      if (next === undefined) throw this.#fault('unexpected end of a string');
      if (next !== '\\') throw this.#fault('control characters in strings must be escaped');
      value += this.#escape();
    }
  }

  #escape(): string {
    const letter = this.#text[this.#at + 1] ?? '';
    if (letter === 'u') {
      const hex = this.#text.slice(this.#at + 2, this.#at + 6);
      if (!/^[0-9a-fA-F]{4}$/.test(hex)) throw this.#fault('expected four hexadecimal digits');
      this.#at += 6;
      return String.fromCharCode(Number.parseInt(hex, 16));
    }
    const character = Object.hasOwn(ESCAPES, letter) ? ESCAPES[letter] : undefined;
    if (character === undefined) throw this.#fault('unknown escape in a string');
    this.#at += 2;
    return character;
  }

  #scalar(): unknown {
    NUMBER.lastIndex = this.#at;
    const match = NUMBER.exec(this.#text);
    if (match) return this.#number(match);
    for (const [word, value] of this.#words())
      if (this.#text.startsWith(word, this.#at)) {
        this.#at += word.length;
        return value;
      }
    throw this.#fault('expected a value');
  }

  #number([digits, fraction, exponent]: RegExpExecArray): number | bigint {
    this.#at += digits.length;
    const value = Number(digits);
    const isInteger = fraction === undefined && exponent === undefined;
    if (isInteger && this.#options.bigIntegers && !Number.isSafeInteger(value))
      return BigInt(digits);
    return value;
  }

  #words(): readonly (readonly [string, unknown])[] {
    return this.#options.nonFinite ? [...WORDS, ...NON_FINITE] : WORDS;
  }

  #take(character: string): boolean {
    this.#space();
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #space(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 32 && code !== 10 && code !== 13 && code !== 9) return;
      this.#at++;
    }
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? '';
    this.#at += found.length;
    return found;
  }

  #fault(rule: string): Fault {
    return new Fault(rule, this.#at);
  }
}

const WORDS: readonly (readonly [string, unknown])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
];
const NON_FINITE: readonly (readonly [string, unknown])[] = [
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
];
