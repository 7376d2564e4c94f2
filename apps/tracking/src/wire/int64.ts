/** A 64-bit integer with all its digits: a number while it is exact, else a bigint. */
export type Int64 = number | bigint;

const [least, most] = [-(2n ** 63n), 2n ** 63n - 1n];

/** Whole digits as an Int64; undefined for other text and beyond 64 bits. */
export function parseInt64(text: string): Int64 | undefined {
  if (!/^[+-]?\d{1,30}$/.test(text)) return undefined;
  return toInt64(BigInt(text.startsWith('+') ? text.slice(1) : text));
}

/** The value as an Int64; undefined for fractions, for doubles too big to be exact, and beyond 64 bits. */
export function toInt64(value: number | bigint): Int64 | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value + 0 : undefined;
  if (value < least || value > most) return undefined;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** An int8 column that was selected as text. */
export function readInt64(text: string): Int64 {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : BigInt(text);
}
