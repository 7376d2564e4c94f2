import { invalid } from '@flywheel/core';
import type { AppError } from '@flywheel/core';

/** Any JSON value. Objects have no prototype, so that any key is safe; integers beyond 2^53 are bigints. */
export type JsonValue =
  null | boolean | string | number | bigint | readonly JsonValue[] | JsonObject;
export type JsonObject = { readonly [key: string]: JsonValue };

const backslash = 0x5c;
const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const minus = 0x2d;
const point = 0x2e;
const zero = 0x30;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** Powers of ten that a double holds exactly. */
const powers = Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));

/** Digits of the largest 64-bit integers; a longer one is out of every range. */
const longestInteger = 20;

/**
 * Reads JSON (RFC 8259, strictly) from its text, member by member, so that the reader decides what each number
 * becomes. Everything it refuses is an `invalid_argument`; nesting is capped, so no text overflows the stack.
 */
export class JsonScanner {
  readonly text: string;
  readonly #maxDepth: number;
  at = 0;

  constructor(text: string, options: { maxDepth: number }) {
    this.text = text;
    this.#maxDepth = options.maxDepth;
  }

  syntaxError(rule = 'must be valid JSON'): AppError {
    return invalid('body', rule, { position: this.at });
  }

  /** The first character of the next token, without taking it; NaN at the end. */
  peek(): number {
    let code = this.text.charCodeAt(this.at);
    while (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09)
      code = this.text.charCodeAt(++this.at);
    return code;
  }

  /** Takes the next token if it is this character. */
  take(code: number): boolean {
    if (this.peek() !== code) return false;
    this.at += 1;
    return true;
  }

  /** Demands that the next token begins with this character: the field's rule says why. It is not taken. */
  demand(code: number, field: string, rule: string): void {
    const next = this.peek();
    if (next === code) return;
    if (Number.isNaN(next)) throw this.syntaxError();
    throw invalid(field, rule);
  }

  /** Demands that nothing but white space is left. */
  end(): void {
    this.peek();
    if (this.at < this.text.length) throw this.syntaxError('must be one JSON value');
  }

  isNull(): boolean {
    return this.peek() === 0x6e;
  }

  /** Takes `{`, calls `member` for each key with the scanner before its value, and takes `}`. */
  object(member: (key: string) => void): void {
    if (!this.take(openBrace)) throw this.syntaxError();
    if (this.take(closeBrace)) return;
    do {
      const key = this.string();
      if (!this.take(colon)) throw this.syntaxError();
      member(key);
    } while (this.take(comma));
    if (!this.take(closeBrace)) throw this.syntaxError();
  }

  /** Takes `[`, calls `element` for each index with the scanner before the element, and takes `]`. */
  array(element: (index: number) => void): void {
    if (!this.take(openBracket)) throw this.syntaxError();
    if (this.take(closeBracket)) return;
    let index = 0;
    do element(index++);
    while (this.take(comma));
    if (!this.take(closeBracket)) throw this.syntaxError();
  }

  string(): string {
    if (!this.take(quote)) throw this.syntaxError();
    const { text } = this;
    const start = this.at;
    let isEscaped = false;
    let code = text.charCodeAt(this.at);
    while (code !== quote) {
      if (code === backslash) {
        isEscaped = true;
        this.at += 1;
      } else if (!(code >= 0x20)) throw this.syntaxError();
      code = text.charCodeAt(++this.at);
    }
    const end = this.at++;
    if (!isEscaped) return text.slice(start, end);
    try {
      return JSON.parse(text.slice(start - 1, end + 1)) as string;
    } catch {
      this.at = start;
      throw this.syntaxError();
    }
  }

  boolean(): boolean {
    if (this.#word('true')) return true;
    if (this.#word('false')) return false;
    throw this.syntaxError();
  }

  null(): null {
    if (this.#word('null')) return null;
    throw this.syntaxError();
  }

  /** The double nearest to the next number; one beyond all doubles is an infinity. */
  float64(): number {
    const start = this.#number();
    const exponent = this.#decimalExponent;
    if (this.#digits <= 15 && exponent >= -22 && exponent <= 22) return this.#scaled(exponent);
    return Number(this.text.slice(start, this.at));
  }

  /**
   * `Math.fround` of the double nearest to the next number, found without a full conversion where a bound on the
   * error already decides the rounding.
   */
  float32(): number {
    const start = this.#number();
    const exponent = this.#decimalExponent;
    if (exponent >= -22 && exponent <= 22) {
      const value = this.#scaled(exponent);
      if (this.#digits <= 15) return Math.fround(value);
      // Five roundings of 2^-53 and a cut tail below 1e-18 stay under 2^-49 of the value.
      const low = Math.fround(value * (1 - 2 ** -49));
      if (low === Math.fround(value * (1 + 2 ** -49))) return low;
    }
    return Math.fround(Number(this.text.slice(start, this.at)));
  }

  /** The next number if it is an integer that a double holds exactly (`3.0` and `3e0` are 3), else undefined. */
  safeInteger(): number | undefined {
    const value = this.float64();
    return Number.isSafeInteger(value) ? value + 0 : undefined;
  }

  /** The next number if it is an integer; beyond 2^53 only in plain digits, and at most 20 of them. */
  bigInteger(): bigint | undefined {
    const start = this.#number();
    const length = this.at - start;
    if (this.#isPlain && length <= longestInteger) return BigInt(this.text.slice(start, this.at));
    if (this.#isPlain) return undefined;
    const value = Number(this.text.slice(start, this.at));
    return Number.isSafeInteger(value) ? BigInt(value) : undefined;
  }

  /** Whether a number comes next. */
  isNumber(): boolean {
    const code = this.peek();
    return code === minus || (code >= zero && code <= 0x39);
  }

  /** Whatever comes next. Numbers beyond all doubles and keys given twice are refused. */
  value(field: string, depth = 1): JsonValue {
    const code = this.peek();
    if (code === quote) return this.string();
    if (code === openBrace) return this.#objectValue(field, depth);
    if (code === openBracket) {
      this.#checkDepth(depth);
      const elements: JsonValue[] = [];
      this.array((index) => {
        elements.push(this.value(`${field}[${index}]`, depth + 1));
      });
      return elements;
    }
    if (code === 0x6e) return this.null();
    if (code === 0x74 || code === 0x66) return this.boolean();
    return this.#numberValue(field);
  }

  /** Passes over whatever comes next, which must still be JSON. */
  skip(depth = 1): void {
    const code = this.peek();
    if (code === quote) this.string();
    else if (code === openBrace) {
      this.#checkDepth(depth);
      this.object(() => this.skip(depth + 1));
    } else if (code === openBracket) {
      this.#checkDepth(depth);
      this.array(() => this.skip(depth + 1));
    } else if (code === 0x6e) this.null();
    else if (code === 0x74 || code === 0x66) this.boolean();
    else this.#number();
  }

  #objectValue(field: string, depth: number): JsonObject {
    this.#checkDepth(depth);
    const members = Object.create(null) as Record<string, JsonValue>;
    this.object((key) => {
      if (key in members) throw invalid(`${field}.${key}`, 'must be given once');
      members[key] = this.value(`${field}.${key}`, depth + 1);
    });
    return members;
  }

  #numberValue(field: string): number | bigint {
    const start = this.at;
    const value = this.float64();
    if (!Number.isFinite(value)) throw invalid(field, 'must be a number that a double can hold');
    if (this.#isPlain && !Number.isSafeInteger(value) && this.at - start <= longestInteger)
      return BigInt(this.text.slice(start, this.at));
    return value;
  }

  #checkDepth(depth: number): void {
    if (depth > this.#maxDepth)
      throw this.syntaxError(`must not nest deeper than ${this.#maxDepth}`);
  }

  #word(word: string): boolean {
    this.peek();
    if (!this.text.startsWith(word, this.at)) return false;
    this.at += word.length;
    return true;
  }

  // What `#number` found: the value is ± #mantissa × 10^#decimalExponent, exact while #digits ≤ 15.
  #mantissa = 0;
  #digits = 0;
  #decimalExponent = 0;
  #isNegative = false;
  #isPlain = true;

  #scaled(exponent: number): number {
    const power = powers[Math.abs(exponent)] as number;
    const magnitude = exponent < 0 ? this.#mantissa / power : this.#mantissa * power;
    return this.#isNegative ? -magnitude : magnitude;
  }

  /** Takes a number, gives where it begins, and leaves its parts in the fields above. */
  #number(): number {
    let code = this.peek();
    const { text } = this;
    const start = this.at;
    let at = start;
    let mantissa = 0;
    let digits = 0;
    let exponent = 0;
    this.#isNegative = code === minus;
    this.#isPlain = true;
    if (code === minus) code = text.charCodeAt(++at);
    if (code === zero) code = text.charCodeAt(++at);
    else if (code > zero && code <= 0x39) {
      do {
        if (digits < 19) {
          mantissa = mantissa * 10 + (code - zero);
          digits += 1;
        } else exponent += 1;
        code = text.charCodeAt(++at);
      } while (code >= zero && code <= 0x39);
    } else {
      this.at = at;
      throw this.syntaxError();
    }
    if (code === point) {
      this.#isPlain = false;
      code = text.charCodeAt(++at);
      const first = at;
      while (code >= zero && code <= 0x39) {
        if (digits < 19) {
          mantissa = mantissa * 10 + (code - zero);
          exponent -= 1;
          if (mantissa > 0) digits += 1;
        }
        code = text.charCodeAt(++at);
      }
      if (at === first) {
        this.at = at;
        throw this.syntaxError();
      }
    }
    this.at = at;
    if (code === 0x65 || code === 0x45) exponent += this.#exponent();
    this.#mantissa = mantissa;
    this.#digits = digits;
    this.#decimalExponent = exponent;
    return start;
  }

  /** Takes `e` and what follows. Beyond ±9999 every digit more means the same: nothing or everything. */
  #exponent(): number {
    const { text } = this;
    let code = text.charCodeAt(++this.at);
    const isNegative = code === minus;
    if (isNegative || code === 0x2b) code = text.charCodeAt(++this.at);
    const first = this.at;
    let exponent = 0;
    while (code >= zero && code <= 0x39) {
      if (exponent < 9999) exponent = exponent * 10 + (code - zero);
      code = text.charCodeAt(++this.at);
    }
    if (this.at === first) throw this.syntaxError();
    this.#isPlain = false;
    return isNegative ? -exponent : exponent;
  }
}
