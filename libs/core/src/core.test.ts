import { describe, expect, it } from 'vitest';
import { canonicalJson, crc32c, markdownTable, newHexId, newId, sha256 } from './index.ts';

describe('ids', () => {
  it('sort by time and carry version 7', () => {
    const early = newId(1_000_000_000_000);
    const late = newId(1_000_000_000_001);

    expect(early < late).toBe(true);
    expect(early).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('are 32 hex digits for runs', () => {
    expect(newHexId()).toMatch(/^[0-9a-f]{32}$/);
  });
});

describe('canonicalJson', () => {
  it('does not depend on the order of keys and leaves undefined out', () => {
    expect(canonicalJson({ b: [1, { d: null, c: 'x' }], a: undefined })).toBe(
      '{"b":[1,{"c":"x","d":null}]}',
    );
  });

  it('refuses what JSON cannot hold', () => {
    expect(() => canonicalJson(Number.NaN)).toThrow('NaN');
    expect(() => canonicalJson(1n)).toThrow('bigint');
    expect(() => canonicalJson([undefined])).toThrow('undefined');
    expect(() => canonicalJson({ at: new Date(0) })).toThrow('Date');
    expect(() => canonicalJson(new Map([['a', 1]]))).toThrow('Map');
  });

  it('writes numbers and text as RFC 8785 does', () => {
    expect(canonicalJson([-0, 1e21, 0.000001, 1e-7, 333333333.33333329])).toBe(
      '[0,1e+21,0.000001,1e-7,333333333.3333333]',
    );
    expect(
      canonicalJson({ '\u20ac': 'Euro', '\r': '\u000f', '\ud83d\ude00': 1, '\ufb33': 2 }),
    ).toBe('{"\\r":"\\u000f","\u20ac":"Euro","\ud83d\ude00":1,"\ufb33":2}');
  });
});

describe('digests', () => {
  it('agree with published check values', () => {
    expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283);
    expect(sha256('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });
});

describe('markdownTable', () => {
  it('pads its columns and escapes what would end a cell', () => {
    expect(
      markdownTable([
        ['name', 'x'],
        ['a|b', 'long cell'],
      ]),
    ).toBe('| name | x         |\n| ---- | --------- |\n| a\\|b | long cell |');
  });
});
