import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkKey, cut, lengthOf } from './limits.ts';

describe('lengths', () => {
  it('count code points, as Python does', () => {
    expect(lengthOf('a')).toBe(1);
    expect(lengthOf('é')).toBe(1);
    expect(lengthOf('😀')).toBe(1);
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(lengthOf(text)).toBe(Array.from(text).length);
      }),
    );
  });

  it('are cut between code points', () => {
    expect(cut('😀'.repeat(6001), 6000)).toBe('😀'.repeat(6000));
    expect(cut('😀'.repeat(6000), 6000)).toBe('😀'.repeat(6000));
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat(20), (text, most) => {
        expect(cut(text, most)).toBe(Array.from(text).slice(0, most).join(''));
      }),
    );
  });
});

describe('keys', () => {
  it.each([
    'a',
    'val/loss',
    'a.b-c_d e:f',
    'größe',
    '損失',
    '1',
    '.hidden',
    'a..b',
    'k'.repeat(250),
  ])('%s is one', (key) => {
    expect(checkKey(key, 'key')).toBe(key);
  });

  it.each([
    'a#b',
    '../b',
    '/a',
    'a/',
    'a//b',
    '.',
    '..',
    'a/../b',
    './a',
    'a\nb',
    'a;b',
    '',
    'k'.repeat(251),
  ])('%j is none', (key) => {
    expect(() => checkKey(key, 'key')).toThrow("for parameter 'key' supplied");
  });
});
