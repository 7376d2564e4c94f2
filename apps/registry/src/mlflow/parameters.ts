import type { RawRequest } from '@flywheel/http';
import { parseJson } from '@flywheel/http';
import { missing, refused } from './mlflow-errors.ts';

export type Pair = { key: string; value: string };
type Members = Readonly<Record<string, unknown>>;

/** The parameters of one call: members of the JSON body, or the query of a GET. `null` is as good as absent. */
export class Parameters {
  readonly #members: Members;

  constructor(members: Members) {
    this.#members = members;
  }

  static of(request: RawRequest): Parameters {
    const { method, query, body, headers } = request;
    if (method === 'GET' || method === 'HEAD') return new Parameters(membersOf(query));
    if (method !== 'DELETE') checkContentType(headers['content-type']);
    const members = typeof body === 'string' ? parseJson(body) : body;
    if (members === undefined || members === null)
      return new Parameters(method === 'DELETE' ? membersOf(query) : {});
    if (typeof members !== 'object' || Array.isArray(members))
      throw refused('The body of the request must be a JSON object', 'body');
    return new Parameters(members as Members);
  }

  has(name: string): boolean {
    return this.#given(name) !== undefined;
  }

  /** Text that must be there and not be empty. */
  required(name: string): string {
    const value = this.text(name);
    if (value === undefined || value === '') throw missing(name);
    return value;
  }

  text(name: string): string | undefined {
    const value = this.#given(name);
    return value === undefined ? undefined : textOf(value, name);
  }

  /** Text that is not empty, if there is any. */
  optional(name: string): string | undefined {
    const value = this.text(name);
    return value === '' ? undefined : value;
  }

  /** Whole digits, of a number or of text; a version beyond what a version can be is simply not there. */
  version(name = 'version'): number {
    const value = this.#given(name);
    if (value === undefined || value === '') throw missing(name);
    const text = typeof value === 'number' || typeof value === 'bigint' ? `${value}` : value;
    if (typeof text !== 'string' || !/^[+-]?\d{1,19}$/.test(text.trim()))
      throw refused(`Parameter '${name}' must be an integer, got '${shown(value)}'.`, name);
    return Number(text);
  }

  integer(name: string): number | undefined {
    const value = this.#given(name);
    if (value === undefined || value === '') return undefined;
    const number =
      typeof value === 'string' && /^[+-]?\d{1,15}$/.test(value) ? Number(value) : value;
    if (typeof number !== 'number' || !Number.isInteger(number)) throw invalidValue(name, value);
    return number;
  }

  /** `true` and `false` in any case: Python's clients send `True`. */
  flag(name: string): boolean {
    const value = this.#given(name);
    if (value === undefined || value === '') return false;
    if (typeof value === 'boolean') return value;
    const word = typeof value === 'string' ? value.toLowerCase() : '';
    if (word !== 'true' && word !== 'false') throw invalidValue(name, value);
    return word === 'true';
  }

  /** A list of texts; a single one of a query counts as a list. */
  texts(name: string): string[] {
    const value = this.#given(name);
    if (value === undefined) return [];
    const items: unknown[] = Array.isArray(value) ? value : [value];
    return items.map((item, index) => textOf(item, `${name}[${index}]`));
  }

  pairs(name: string): Pair[] {
    const value = this.#given(name);
    if (value === undefined) return [];
    if (!Array.isArray(value)) throw invalidValue(name, value);
    return value.map((item: unknown, index) => {
      if (typeof item !== 'object' || item === null || Array.isArray(item))
        throw invalidValue(`${name}[${index}]`, item);
      const pair = new Parameters(item as Members);
      const key = pair.text('key');
      if (key === undefined || key === '') throw missing(`${name}[${index}].key`);
      return { key, value: pair.text('value') ?? '' };
    });
  }

  #given(name: string): unknown {
    const value = Object.hasOwn(this.#members, name) ? this.#members[name] : undefined;
    return value === null ? undefined : value;
  }
}

function membersOf(query: URLSearchParams): Members {
  const members: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const name of new Set(query.keys())) {
    const values = query.getAll(name);
    members[name] = values.length === 1 ? values[0] : values;
  }
  return members;
}

/** A page of somebody else cannot send JSON without asking first: forms are refused. */
function checkContentType(contentType: string | undefined): void {
  if (contentType?.split(';')[0]?.trim().toLowerCase() !== 'application/json')
    throw refused('Bad Request. Content-Type must be application/json', 'content-type');
}

/** PostgreSQL keeps no NUL and no half of a surrogate pair, so they are refused where they come in. */
function textOf(value: unknown, name: string): string {
  if (typeof value !== 'string' || value.includes('\0') || /\p{Cs}/u.test(value))
    throw invalidValue(name, value);
  return value;
}

function invalidValue(name: string, value: unknown) {
  return refused(`Invalid value ${shown(value)} for parameter '${name}' supplied`, name);
}

const SHOWN = 200;

function shown(value: unknown): string {
  const text =
    typeof value === 'string'
      ? value
      : JSON.stringify(value, (_key, member: unknown) =>
          typeof member === 'bigint' ? String(member) : member,
        );
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}
