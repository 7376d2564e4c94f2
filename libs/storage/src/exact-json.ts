import { randomUUID } from 'node:crypto';
import { invalid } from '@flywheel/core';

/** Marks the strings that stand for big integers while JSON.parse runs; nobody can guess it. */
const mark = `${randomUUID()}:`;
const stringOrNumber = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/**
 * JSON.parse that never changes the digits of an integer: one that a number would print differently (such as
 * 9007199254740993) becomes a bigint; all other numbers are numbers.
 */
export function parseExactJson(text: string): unknown {
  if (!/\d{16}/.test(text)) return JSON.parse(text) as unknown;
  const marked = text.replace(stringOrNumber, (token) =>
    /^-?\d{16,}$/.test(token) && digitsOf(Number(token)) !== token ? `"${mark}${token}"` : token,
  );
  return JSON.parse(marked, (_key, value: unknown) =>
    typeof value === 'string' && value.startsWith(mark) ? BigInt(value.slice(mark.length)) : value,
  ) as unknown;
}

/** A whole number as JavaScript prints it, but with its zeros instead of an exponent: '1e+22' has 23 digits. */
function digitsOf(value: number): string {
  const [mantissa = '', exponent] = String(value).split('e');
  if (exponent === undefined) return mantissa;
  const [whole = '', fraction = ''] = mantissa.split('.');
  return whole + fraction.padEnd(Number(exponent), '0');
}

/**
 * JSON.stringify that writes a bigint as an exact JSON integer and refuses NaN and Infinity (`invalid_argument`)
 * instead of turning them into null.
 */
export function exactJson(value: unknown): string {
  const bigints: string[] = [];
  const text = JSON.stringify(value, (key, member: unknown) => {
    if (typeof member === 'bigint') return `${mark}${bigints.push(String(member)) - 1}`;
    if (typeof member === 'number' && !Number.isFinite(member))
      throw invalid(key === '' ? 'value' : key, 'JSON has no NaN or Infinity');
    return member;
  }) as string | undefined;
  if (text === undefined) throw invalid('value', 'JSON has no undefined');
  if (bigints.length === 0) return text;
  return text.replace(
    new RegExp(`"${mark}(\\d+)"`, 'g'),
    (_match, index: string) => bigints[Number(index)] as string,
  );
}
