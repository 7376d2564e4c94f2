import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exactJson, parseExactJson } from './exact-json.ts';

describe('exact JSON', () => {
  it('keeps an integer that a number would round as a bigint', () => {
    expect(
      parseExactJson('{"a":[9007199254740993,-9007199254740993,{"b":18446744073709551615}]}'),
    ).toEqual({
      a: [9007199254740993n, -9007199254740993n, { b: 18446744073709551615n }],
    });
  });

  it('leaves numbers that print the same digits, fractions, and digits in text alone', () => {
    const text =
      '[9007199254740991,1000000000000000000000,0.12345678901234567,1e300,"9007199254740993","a\\"9007199254740993\\""]';

    expect(parseExactJson(text)).toEqual(JSON.parse(text));
    expect(parseExactJson(`[1${'0'.repeat(300)}]`)).toEqual([1e300]);
  });

  it('keeps digits in the names of members', () => {
    expect(parseExactJson('{"9007199254740993":9007199254740993}')).toEqual({
      '9007199254740993': 9007199254740993n,
    });
  });

  it('writes a bigint as digits and refuses what JSON has no word for', () => {
    expect(exactJson({ n: 2n ** 63n, text: '1', list: [1n, null] })).toBe(
      '{"n":9223372036854775808,"text":"1","list":[1,null]}',
    );
    expect(() => exactJson({ ratio: Number.NaN })).toThrow('ratio');
    expect(() => exactJson(undefined)).toThrow('undefined');
  });

  it('refuses what is not JSON', () => {
    expect(() => parseExactJson('{"a":90071992547409931234,}')).toThrow(SyntaxError);
    expect(() => parseExactJson('')).toThrow(SyntaxError);
  });

  it('gives back any value it wrote (property)', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(parseExactJson(exactJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('gives back the digits of any integer (property)', () => {
    fc.assert(
      fc.property(fc.bigInt(), fc.string(), (n, text) => {
        expect(exactJson(parseExactJson(`{"t":${JSON.stringify(text)},"n":${n}}`))).toBe(
          exactJson({ t: text, n }),
        );
      }),
    );
  });
});
