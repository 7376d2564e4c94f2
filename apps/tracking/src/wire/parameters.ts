import { parseJson } from '@flywheel/http';
import type { RawRequest } from '@flywheel/http';
import { parseInt64, toInt64 } from './int64.ts';
import type { Int64 } from './int64.ts';
import { invalidValue, missing, refused } from './mlflow-errors.ts';

export type Pair = { readonly key: string; readonly value: string };
type Members = Readonly<Record<string, unknown>>;

/**
 * The parameters of one call: members of the JSON body, or the query of a GET. `null` is as good as absent. Fields are
 * named by their path in messages: `metrics[0].timestamp`.
 */
export class Parameters {
  readonly #members: Members;
  readonly #path: string;

  constructor(members: Members, path = '') {
    this.#members = members;
    this.#path = path;
  }

  static of({ method, query, body, headers }: RawRequest): Parameters {
    if (method === 'GET' || method === 'HEAD') return new Parameters(membersOf(query));
    if (method !== 'DELETE') checkContentType(headers['content-type']);
    const members = typeof body === 'string' ? parseJson(body, readingMlflow) : body;
    if (members === undefined || members === null)
      return new Parameters(method === 'DELETE' ? membersOf(query) : {});
    if (!isObject(members)) throw refused('The body of the request must be a JSON object', 'body');
    return new Parameters(members);
  }

  has(name: string): boolean {
    return this.#given(name) !== undefined;
  }

  /** Text that must be there and not be empty. */
  required(name: string): string {
    const value = this.text(name);
    if (value === undefined || value === '') throw missing(this.#label(name));
    return value;
  }

  text(name: string): string | undefined {
    const value = this.#given(name);
    return value === undefined ? undefined : textOf(value, this.#label(name));
  }

  /** Text that counts as absent where it is empty. */
  filled(name: string): string | undefined {
    const value = this.text(name);
    return value === '' ? undefined : value;
  }

  /** The first of several names of one parameter. */
  requiredAny(...names: readonly string[]): string {
    const name = names.find((candidate) => this.has(candidate)) ?? names[0] ?? '';
    return this.required(name);
  }

  int64(name: string): Int64 | undefined {
    const value = this.#given(name);
    if (value === undefined || value === '') return undefined;
    const exact =
      typeof value === 'string'
        ? parseInt64(value)
        : typeof value === 'number' || typeof value === 'bigint'
          ? toInt64(value)
          : undefined;
    if (exact === undefined)
      throw invalidValue(this.#label(name), value, 'must be a whole number of 64 bits');
    return exact;
  }

  /** A whole number that a double holds exactly, such as a time in milliseconds. */
  integer(name: string): number | undefined {
    const value = this.int64(name);
    if (typeof value === 'bigint')
      throw invalidValue(this.#label(name), value, 'must lie within ±(2^53 − 1)');
    return value;
  }

  /** How many at most: `fallback` unless given, and 0 counts as not given. */
  pageSize(name: string, limits: { fallback: number; most: number }): number {
    const value = this.integer(name);
    if (value === undefined || value === 0) return limits.fallback;
    if (value < 0 || value > limits.most)
      throw invalidValue(this.#label(name), value, `must be from 1 to ${limits.most}`);
    return value;
  }

  /**
   * The value of a metric: a number, numeric text, or one of `"NaN"`, `"Infinity"`, `"-Infinity"`. Infinities become
   * the greatest doubles, as MLflow stores them.
   */
  metricValue(name: string): number {
    const value = this.#given(name);
    if (value === undefined || value === '') throw missing(this.#label(name));
    const number = numberOf(value);
    if (number === undefined)
      throw invalidValue(
        this.#label(name),
        value,
        "must be a number, 'NaN', 'Infinity' or '-Infinity'",
      );
    if (number === Number.POSITIVE_INFINITY) return Number.MAX_VALUE;
    if (number === Number.NEGATIVE_INFINITY) return -Number.MAX_VALUE;
    return number;
  }

  /** One of the names of an enumeration, or its number; what is neither counts as absent, as in MLflow. */
  choice<Name extends string>(
    name: string,
    numbers: Readonly<Record<Name, number>>,
  ): Name | undefined {
    const value = this.#given(name);
    const names = Object.keys(numbers) as Name[];
    return names.find((candidate) => value === candidate || value === numbers[candidate]);
  }

  /** `true` and `false` in any case: Python's clients send `True`. */
  flag(name: string): boolean | undefined {
    const value = this.#given(name);
    if (value === undefined || value === '') return undefined;
    if (typeof value === 'boolean') return value;
    const word = typeof value === 'string' ? value.toLowerCase() : '';
    if (word !== 'true' && word !== 'false')
      throw invalidValue(this.#label(name), value, 'must be true or false');
    return word === 'true';
  }

  /** A list of texts; a single one of a query counts as a list. */
  texts(name: string): string[] {
    const value = this.#given(name);
    if (value === undefined) return [];
    const items: unknown[] = Array.isArray(value) ? value : [value];
    return items.map((item, index) => textOf(item, `${this.#label(name)}[${index}]`));
  }

  /** A list of objects, of which there may be `most`. */
  items(name: string, most = Number.POSITIVE_INFINITY): Parameters[] {
    const value = this.#given(name);
    if (value === undefined) return [];
    const label = this.#label(name);
    if (!Array.isArray(value)) throw invalidValue(label, value, 'must be a list');
    if (value.length > most)
      throw refused(
        `Invalid value for parameter '${label}' supplied: must have at most ${most} items, got ${value.length}`,
        label,
      );
    return value.map((item: unknown, index) => {
      if (!isObject(item)) throw invalidValue(`${label}[${index}]`, item, 'must be an object');
      return new Parameters(item, `${label}[${index}].`);
    });
  }

  object(name: string): Parameters {
    const value = this.#given(name);
    if (value === undefined) throw missing(this.#label(name));
    if (!isObject(value)) throw invalidValue(this.#label(name), value, 'must be an object');
    return new Parameters(value, `${this.#label(name)}.`);
  }

  pairs(name: string, most?: number): Pair[] {
    return this.items(name, most).map((item) => ({
      key: item.required('key'),
      value: item.text('value') ?? '',
    }));
  }

  /** The path of a member, for messages. */
  label(name: string): string {
    return this.#label(name);
  }

  #label(name: string): string {
    return `${this.#path}${name}`;
  }

  #given(name: string): unknown {
    const value = Object.hasOwn(this.#members, name) ? this.#members[name] : undefined;
    return value === null ? undefined : value;
  }
}

/** How bodies of MLflow's API are parsed: 64-bit steps keep their digits, Python's bare NaN is taken. */
export const readingMlflow = { bigIntegers: true, nonFinite: true } as const;

function membersOf(query: URLSearchParams): Members {
  const members = Object.create(null) as Record<string, unknown>;
  for (const name of new Set(query.keys())) {
    const values = query.getAll(name);
    members[name] = values.length === 1 ? values[0] : values;
  }
  return members;
}

/** Forms and plain text are what a foreign web page can send without asking: they are refused. */
function checkContentType(type: string | undefined): void {
  if (type?.split(';')[0]?.trim().toLowerCase() !== 'application/json')
    throw refused("Invalid Content-Type: must be 'application/json'", 'content-type');
}

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textOf(value: unknown, label: string): string {
  if (typeof value !== 'string') throw invalidValue(label, value, 'must be text');
  if (value.includes('\0'))
    throw refused(`Invalid value for parameter '${label}' supplied: must not contain NUL`, label);
  return value;
}

const named: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
};

function numberOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  if (typeof value !== 'string') return undefined;
  if (Object.hasOwn(named, value)) return named[value];
  return /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(value) ? Number(value) : undefined;
}
