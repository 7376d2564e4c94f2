import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseExactJson } from './exact-json.ts';
import { parseJson } from './parse-json.ts';
import { writeJson } from './write-json.ts';

const exact = { maxDepth: 100, bigIntegers: true, nonFinite: false };
const bytes = (text: string) => new TextEncoder().encode(text);

describe('parseExactJson', () => {
  it('agrees with JSON.parse on every JSON text', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 6 }), fc.nat(4), (text, indent) => {
        const spaced = JSON.stringify(JSON.parse(text), undefined, indent);
        expect(parseExactJson(spaced, { ...exact, bigIntegers: false })).toEqual({
          kind: 'value',
          value: JSON.parse(text) as unknown,
        });
      }),
    );
  });

  it('refuses exactly what JSON.parse refuses', () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(200), fc.string({ maxLength: 2 }), (text, at, noise) => {
        const broken =
          text.slice(0, at % (text.length + 1)) + noise + text.slice((at % (text.length + 1)) + 1);
        let accepted = true;
        try {
          JSON.parse(broken);
        } catch {
          accepted = false;
        }
        const kind = parseExactJson(broken, exact).kind;
        expect([broken, kind]).toEqual([broken, accepted ? 'value' : 'fault']);
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    ['{"a":1,}', 7, 'expected a name in double quotes'],
    ['{"a" 1}', 5, "expected ':'"],
    ['[1 2]', 3, "expected ',' or ']'"],
    ['{"a":1', 6, "expected ',' or '}'"],
    ['[1,', 3, 'unexpected end'],
    ['nul', 0, 'expected a value'],
    ['01', 1, 'unexpected text after the value'],
    ['"a\nb"', 2, 'control characters in strings must be escaped'],
    ['"\\x"', 1, 'unknown escape in a string'],
    ['"\\u12g4"', 1, 'expected four hexadecimal digits'],
    ['"abc', 4, 'unexpected end of a string'],
    ['{} {}', 3, 'unexpected text after the value'],
    ['NaN', 0, 'expected a value'],
  ])('tells where %j breaks', (text, position, rule) => {
    expect(parseExactJson(text, exact)).toEqual({ kind: 'fault', position, rule });
  });
});

describe('parseJson', () => {
  it('keeps every digit of an integer where asked, and stays a number where a double is exact', () => {
    const text =
      '{"id":[9007199254740992,9007199254740993,-9223372036854775808,18446744073709551615,7,1.25,1e3]}';

    expect(parseJson(bytes(text), { bigIntegers: true })).toEqual({
      id: [
        9007199254740992n,
        9007199254740993n,
        -9223372036854775808n,
        18446744073709551615n,
        7,
        1.25,
        1000,
      ],
    });
    expect(parseJson(bytes('[0.1234567890123456789]'), { bigIntegers: true })).toEqual([
      0.12345678901234568,
    ]);
  });

  it('gives back the digits it was given', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(fc.bigInt(), fc.string(), fc.double({ noNaN: true, noDefaultInfinity: true })),
        ),
        (values) => {
          const text = `[${values.map((value) => (typeof value === 'bigint' ? String(value) : JSON.stringify(value))).join(',')}]`;
          expect(writeJson(parseJson(text, { bigIntegers: true }))).toBe(text);
        },
      ),
    );
  });

  it.each([10_000, 100_000, 5_000_000])('stops at a depth bomb of %i brackets', (depth) => {
    for (const text of [
      '['.repeat(depth),
      '['.repeat(depth) + ']'.repeat(depth),
      '{"a":'.repeat(depth),
    ])
      for (const bigIntegers of [false, true])
        expect(() => parseJson(bytes(`${text}1234567890123456`), { bigIntegers })).toThrow(
          /is nested deeper|not valid JSON/,
        );
    expect(() => parseJson('['.repeat(depth) + ']'.repeat(depth))).toThrow(
      'body: is nested deeper than 100 levels',
    );
  });

  it('accepts the deepest nesting and refuses one level more', () => {
    const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);

    expect(() => parseJson(nested(100))).not.toThrow();
    expect(() => parseJson(nested(101))).toThrow('nested deeper than 100');
    expect(() => parseJson(nested(100), { bigIntegers: true })).not.toThrow();
  });

  it.each([
    '{"a":[{"__proto__":{"admin":true}}]}',
    '{"a":[{"\\u005f_proto__":1}]}',
    '{"a":[{"__proto__":1234567890123456789}]}',
  ])('refuses %s and leaves prototypes alone', (text) => {
    for (const bigIntegers of [false, true])
      expect(() => parseJson(text, { bigIntegers })).toThrow(
        'body.a[0].__proto__: is not an allowed name',
      );
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });

  it('refuses a number that a double turns into infinity', () => {
    expect(() => parseJson('{"data":[1,1e400]}')).toThrow(
      'body.data[1]: is beyond the range of a 64-bit',
    );
    expect(() => parseJson('[1234567890123456, -1e400]', { bigIntegers: true })).toThrow(
      'body[1]: is beyond',
    );
  });

  it('accepts bare non-finite tokens only where asked', () => {
    expect(parseJson('[NaN,-Infinity,Infinity]', { nonFinite: true })).toEqual([
      NaN,
      -Infinity,
      Infinity,
    ]);
    expect(() => parseJson('[NaN]')).toThrow('position 1 (line 1, column 2): expected a value');
  });

  it('tells line and column, skips one byte order mark, and needs UTF-8 and a body', () => {
    expect(() => parseJson('{\n  "a": 1,\n}')).toThrow('position 12 (line 3, column 1)');
    expect(parseJson(bytes('\ufeff{}'))).toEqual({});
    expect(() => parseJson(bytes('\ufeff\ufeff{}'))).toThrow('is not valid JSON at position 0');
    expect(() => parseJson(Uint8Array.of(0x22, 0xff, 0x22))).toThrow('body: is not valid UTF-8');
    expect(() => parseJson(bytes(''))).toThrow('body: is required');
    expect(parseJson(bytes('"é\u{1f600}"'))).toBe('é\u{1f600}');
  });
});

describe('writeJson', () => {
  it('writes bigints as integers, even beside strings that look like them', () => {
    expect(writeJson({ id: 9007199254740993n, text: '"9007199254740993n', list: [-1n] })).toBe(
      '{"id":9007199254740993,"text":"\\"9007199254740993n","list":[-1]}',
    );
  });

  it('throws for what JSON cannot hold', () => {
    const cycle: { self?: object } = {};
    cycle.self = cycle;

    expect(() => writeJson(cycle)).toThrow('circular');
    expect(() => writeJson(() => 1)).toThrow('cannot hold');
  });
});
