import { describe, expect, it } from 'vitest';
import { checkAlias, checkModelName, checkTag } from './names.ts';

describe('names', () => {
  it.each(['a', 'Flight Delay', 'größe', '😀'.repeat(256), 'a.b', '...', "it's"])(
    '%s is a name of a model',
    (name) => {
      expect(checkModelName(name)).toBe(name);
    },
  );

  it.each(['', '  ', '.', '..', 'a/b', 'a:b', '😀'.repeat(257)])('%s is none', (name) => {
    expect(() => checkModelName(name)).toThrow(/[Rr]egistered model name/);
  });

  it.each(['Champion', 'champion', 'v', 'v1a', '1', 'a-b_c', 'x'.repeat(255)])(
    '%s is an alias',
    (alias) => {
      expect(checkAlias(alias)).toBe(alias);
    },
  );

  it.each(['latest', 'Latest', 'v1', 'V23', 'a b', 'a.b', 'x'.repeat(256)])(
    '%s is none',
    (alias) => {
      expect(() => checkAlias(alias)).toThrow(/alias/i);
    },
  );

  it.each(['k', 'a b', 'mlflow.note', 'a/b', 'a:b', 'é'.repeat(250)])(
    '%s is a key of a tag',
    (key) => {
      expect(checkTag({ key, value: '' })).toEqual({ key, value: '' });
    },
  );

  it.each(['a#b', '/a', 'a//b', '../a', 'a/./b', 'a\nb', 'x'.repeat(251)])('%j is none', (key) => {
    expect(() => checkTag({ key, value: '' })).toThrow(/[Tt]ag/);
  });

  it('a value has at most 100,000 characters, counted as Python does', () => {
    expect(() => checkTag({ key: 'k', value: '😀'.repeat(100_000) })).not.toThrow();
    expect(() => checkTag({ key: 'k', value: 'x'.repeat(100_001) })).toThrow(/exceeds the limit/);
  });
});
