import { AppError } from '@flywheel/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JsonScanner } from './json-scanner.ts';

const scannerOf = (text: string) => new JsonScanner(text, { maxDepth: 100 });
const valueOf = (text: string) => {
  const scanner = scannerOf(text);
  const value = scanner.value('body');
  scanner.end();
  return value;
};
const accepts = (read: () => unknown) => {
  try {
    read();
    return true;
  } catch (error) {
    if (error instanceof AppError && error.code !== 'invalid_argument') throw error;
    return false;
  }
};

/** Decimal texts of every kind: short, long, with exponents, halfway between two floats. */
const decimals = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.float({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc
    .tuple(
      fc.bigInt({ min: -(10n ** 25n), max: 10n ** 25n }),
      fc.nat({ max: 30 }),
      fc.integer({ min: -60, max: 60 }),
    )
    .map(([digits, fraction, exponent]) => `${digits}.${fraction}e${exponent}`),
  fc
    .tuple(fc.float({ noNaN: true, noDefaultInfinity: true }), fc.integer({ min: -3, max: 3 }))
    .map(([value, ulps]) => {
      const next = new Float32Array([value]);
      const bits = new Uint32Array(next.buffer);
      bits[0] = (bits[0] as number) + 1;
      const halfway = (value + (next[0] as number)) / 2;
      return String(halfway * (1 + ulps * 2 ** -52));
    })
    .filter((text) => Number.isFinite(Number(text))),
);

describe('a JSON scanner', () => {
  it('reads doubles as JSON.parse does', () => {
    fc.assert(
      fc.property(decimals, (text) => {
        expect(scannerOf(text).float64()).toBe(Number(text));
      }),
      { numRuns: 3_000 },
    );
  });

  it('reads floats as the double nearest to the text, rounded', () => {
    fc.assert(
      fc.property(decimals, (text) => {
        expect(scannerOf(text).float32()).toBe(Math.fround(Number(text)));
      }),
      { numRuns: 3_000 },
    );
  });

  it('reads any value as JSON.parse does', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 6 }), (text) => {
        const plain = (_: string, value: unknown) =>
          typeof value === 'bigint' ? Number(value) : value;
        expect(JSON.stringify(valueOf(text), plain)).toBe(JSON.stringify(JSON.parse(text)));
      }),
      { numRuns: 1_000 },
    );
  });

  it('accepts what JSON.parse accepts and nothing else', () => {
    const pieces = fc.constantFrom(
      ...['{', '}', '[', ']', ',', ':', '"', '\\', 'a', '"a"', '"\\u00e9"', '"\\x"', '"\t"'],
      ...['-', '0', '01', '1', '.', '1.5', 'e', 'E+', '1e5', ' ', '\n', 'true', 'nul', 'null'],
      ...['NaN', 'Infinity', '+1', '\u00a0', '\ufeff', "'a'", '//', '.5', '5.', '0x1'],
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 7 }), (parts) => {
        const text = parts.join('');
        const isAccepted = accepts(() => {
          const scanner = scannerOf(text);
          scanner.skip();
          scanner.end();
        });
        expect({ text, isAccepted }).toEqual({
          text,
          isAccepted: accepts(() => void JSON.parse(text)),
        });
      }),
      { numRuns: 5_000 },
    );
  });

  it('keeps integers beyond 2^53 exact, and refuses numbers beyond all doubles', () => {
    expect(valueOf('9007199254740993')).toBe(9007199254740993n);
    expect(valueOf('-9223372036854775808')).toBe(-9223372036854775808n);
    expect(valueOf('9007199254740991')).toBe(9007199254740991);
    expect(valueOf('1e300')).toBe(1e300);
    expect(Object.is(valueOf('-0'), -0)).toBe(true);
    expect(() => valueOf('[1e999]')).toThrow('body[0]: must be a number that a double can hold');
  });

  it('takes integers written in any exact way and no others', () => {
    const safe = (text: string) => scannerOf(text).safeInteger();
    const big = (text: string) => scannerOf(text).bigInteger();
    expect([safe('3'), safe('3.0'), safe('3e0'), safe('0.3e1')]).toEqual([3, 3, 3, 3]);
    expect([safe('0.1'), safe('1e-1'), safe('9007199254740993'), safe('1e400')]).toEqual(
      Array(4).fill(undefined),
    );
    expect(Object.is(safe('-0'), 0)).toBe(true);
    expect([big('18446744073709551615'), big('3.0'), big('-0')]).toEqual([
      18446744073709551615n,
      3n,
      0n,
    ]);
    expect([big('0.5'), big('1e300'), big('9'.repeat(1_000_000))]).toEqual(
      Array(3).fill(undefined),
    );
  });

  it('caps nesting without a deep stack', () => {
    const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
    expect(accepts(() => valueOf(nested(100)))).toBe(true);
    expect(() => valueOf(nested(101))).toThrow('must not nest deeper than 100');
    expect(() => scannerOf('['.repeat(1_000_000)).skip()).toThrow('must not nest deeper than 100');
    expect(() => scannerOf('{"a":'.repeat(1_000_000)).skip()).toThrow('must not nest deeper');
  });

  it('makes objects that no key can harm', () => {
    const value = valueOf('{"__proto__":{"polluted":1},"constructor":2}') as Record<
      string,
      unknown
    >;
    expect(Object.keys(value)).toEqual(['__proto__', 'constructor']);
    expect(Object.getPrototypeOf(value)).toBeNull();
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(() => valueOf('{"a":{"b":1,"b":2}}')).toThrow('body.a.b: must be given once');
  });
});
