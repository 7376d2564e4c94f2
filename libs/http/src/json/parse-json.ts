import { isAscii, isUtf8 } from 'node:buffer';
import { invalid } from '@flywheel/core';
import type { AppError } from '@flywheel/core';
import { parseExactJson } from './exact-json.ts';
import type { ExactJsonOptions } from './exact-json.ts';

export type ParseJsonOptions = {
  /** What the text is called in messages; `body` unless given. */
  readonly field?: string;
  /** Deepest nesting of arrays and objects; 100 unless given. */
  readonly maxDepth?: number;
  /** Integers outside ±(2^53 − 1) become bigint, with their exact digits, instead of the nearest double. */
  readonly bigIntegers?: boolean;
  /** Accept the bare tokens NaN, Infinity and -Infinity. */
  readonly nonFinite?: boolean;
};

/**
 * JSON text (UTF-8; one byte order mark is skipped) as a value. `invalid_argument` with position, line and column
 * where it is not JSON, is nested too deep, holds a `__proto__` member, or a number beyond the range of a double.
 * Of equal names in one object the last counts.
 */
export function parseJson(input: Uint8Array | string, options: ParseJsonOptions = {}): unknown {
  const field = options.field ?? 'body';
  const text = textOf(input, field);
  if (text === '') throw invalid(field, 'is required');
  const maxDepth = options.maxDepth ?? 100;
  if (isDeeperThan(maxDepth, text))
    throw invalid(field, `is nested deeper than ${maxDepth} levels`);
  const exact: ExactJsonOptions = {
    maxDepth,
    bigIntegers: options.bigIntegers ?? false,
    nonFinite: options.nonFinite ?? false,
  };
  const value =
    exact.bigIntegers && LONG_DIGITS.test(text)
      ? slowly(text, exact, field)
      : quickly(text, exact, field);
  checkValue(value, exact, field);
  return value;
}

/** Fifteen digits always fit a double; only a text with longer runs needs the exact parser. */
const LONG_DIGITS = /\d{16}/;

function textOf(input: Uint8Array | string, field: string): string {
  if (typeof input === 'string') return input.startsWith('\ufeff') ? input.slice(1) : input;
  const bytes = Buffer.from(input.buffer, input.byteOffset, input.byteLength);
  if (isAscii(bytes)) return bytes.toString('latin1');
  if (!isUtf8(bytes)) throw invalid(field, 'is not valid UTF-8');
  const text = bytes.toString('utf8');
  return text.startsWith('\ufeff') ? text.slice(1) : text;
}

/** Looks at brackets outside strings only, before anything is built: 16 MB of brackets cost `JSON.parse` seconds. */
function isDeeperThan(maxDepth: number, text: string): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = endOfString(text, at);
      if (at < 0) return false;
    } else if (code === OPEN_ARRAY || code === OPEN_OBJECT) {
      if (++depth > maxDepth) return true;
    } else if (code === CLOSE_ARRAY || code === CLOSE_OBJECT) depth--;
  }
  return false;
}

const [QUOTE, BACKSLASH] = [0x22, 0x5c];
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

function endOfString(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let slash = at;
    while (text.charCodeAt(slash - 1) === BACKSLASH) slash--;
    if ((at - slash) % 2 === 0) return at;
  }
  return -1;
}

function quickly(text: string, options: ExactJsonOptions, field: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // the engine's message has no position in half of the cases: the exact parser finds it
    return slowly(text, options, field);
  }
}

function slowly(text: string, options: ExactJsonOptions, field: string): unknown {
  const result = parseExactJson(text, options);
  if (result.kind === 'value') return result.value;
  throw notJson(text, result.position, result.rule, field);
}

function notJson(text: string, position: number, rule: string, field: string): AppError {
  const before = text.slice(0, position);
  const line = before.split('\n').length;
  const column = position - before.lastIndexOf('\n');
  return invalid(
    field,
    `is not valid JSON at position ${position} (line ${line}, column ${column}): ${rule}`,
    { position, line, column },
  );
}

function checkValue(value: unknown, options: ExactJsonOptions, field: string): void {
  const fault = findFault(value, options);
  if (fault) throw invalid(`${field}${pathText(fault.path.reverse())}`, fault.rule);
}

type ValueFault = { rule: string; path: (string | number)[] };

/** The path is collected on the way back, so that a value without fault costs no allocation. */
function findFault(value: unknown, options: ExactJsonOptions): ValueFault | undefined {
  if (typeof value === 'number')
    return options.nonFinite || Number.isFinite(value)
      ? undefined
      : { rule: 'is beyond the range of a 64-bit floating-point number', path: [] };
  if (typeof value !== 'object' || value === null) return undefined;
  return Array.isArray(value)
    ? findFaultInArray(value, options)
    : findFaultInObject(value as Record<string, unknown>, options);
}

function findFaultInArray(
  items: readonly unknown[],
  options: ExactJsonOptions,
): ValueFault | undefined {
  for (let index = 0; index < items.length; index++) {
    const fault = findFault(items[index], options);
    if (fault) return at(index, fault);
  }
  return undefined;
}

function findFaultInObject(
  members: Readonly<Record<string, unknown>>,
  options: ExactJsonOptions,
): ValueFault | undefined {
  for (const name in members) {
    if (name === '__proto__') return { rule: 'is not an allowed name', path: [name] };
    const fault = findFault(members[name], options);
    if (fault) return at(name, fault);
  }
  return undefined;
}

function at(step: string | number, fault: ValueFault): ValueFault {
  fault.path.push(step);
  return fault;
}

/** `.items[0].name`; names that are no identifiers in quotes; a long path is cut. */
export function pathText(path: readonly (string | number | symbol)[]): string {
  const steps = path.length > 12 ? [...path.slice(0, 12), '…'] : path;
  return steps
    .map((step) => (typeof step === 'number' ? `[${step}]` : nameText(String(step))))
    .join('');
}

function nameText(name: string): string {
  const short = name.length > 64 ? `${name.slice(0, 64)}…` : name;
  return /^[\w$…-]+$/.test(short) ? `.${short}` : `[${JSON.stringify(short)}]`;
}
