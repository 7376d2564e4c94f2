import pg from 'pg';
import { AppError } from '@flywheel/core';
import { exactJson, parseExactJson } from './exact-json.ts';

const int8 = 20;
const int8Array = 1016;
const textArray = 1009;
const asText = new Set([1082, 1114, 1182, 1115]);
const json = new Set([114, 3802]);
const jsonArrays = new Set([199, 3807]);

type Parser = (text: string) => unknown;

/**
 * How PostgreSQL's text values become JavaScript values. Different from pg's own: an int8 is a number and an error
 * when a number would round it; json and jsonb keep big integers as bigint; `date` and `timestamp` without a zone
 * stay text, as a Date would move them by the machine's zone. A timestamptz is a Date, a numeric is text.
 */
export const sqlTypes = {
  getTypeParser(oid: number, format?: 'text' | 'binary'): Parser {
    if (format === 'binary') return builtIn(oid, format);
    if (oid === int8) return parseInt8;
    if (oid === int8Array) return (text) => parseArray(text).map(each(parseInt8));
    if (json.has(oid)) return parseExactJson;
    if (jsonArrays.has(oid)) return (text) => parseArray(text).map(each(parseExactJson));
    if (asText.has(oid)) return (text) => text;
    return builtIn(oid, 'text');
  },
};

/** A parameter as pg sends it: bigint as text, a plain object as exact JSON, an array as a PostgreSQL array. */
export function toParameter(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return value.map(toParameter);
  if (value instanceof Uint8Array)
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (typeof value === 'object' && value !== null && !(value instanceof Date))
    return exactJson(value);
  return value;
}

function parseInt8(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value)) return value;
  throw new AppError('internal', 'an int8 does not fit a number, select it as text', {
    details: { value: text },
  });
}

function parseArray(text: string): unknown[] {
  return builtIn(textArray, 'text')(text) as unknown[];
}

/** pg's own parser; its declared type knows only the oids of its list. */
function builtIn(oid: number, format: 'text' | 'binary'): Parser {
  const types = pg.types as { getTypeParser(oid: number, format: string): Parser };
  return types.getTypeParser(oid, format);
}

function each(parse: Parser): (item: unknown) => unknown {
  return (item) => {
    if (Array.isArray(item)) return item.map(each(parse));
    return item === null ? null : parse(item as string);
  };
}
