import { describe, expect, it } from 'vitest';
import { artifactPath, folderPath } from './artifact-path.ts';

describe('the path of an artifact', () => {
  it.each([
    ['1/ab/artifacts/m.txt', '1/ab/artifacts/m.txt'],
    ['a%20b.png', 'a b.png'],
    ['a%2520b.png', 'a%20b.png'],
    ['a+b.png', 'a+b.png'],
    ['100%25.txt', '100%.txt'],
    ['%252e%252e.txt', '%2e%2e.txt'],
    ['x%23y%3Fz.txt', 'x#y?z.txt'],
    ['%C3%BC', 'ü'],
    ['..a/b..', '..a/b..'],
    ['a%2Fb', 'a/b'],
  ])('%s is decoded exactly once', (encoded, path) => {
    expect(artifactPath(encoded)).toBe(path);
  });

  it.each([
    '..',
    '../a',
    'a/../b',
    '..%2f..%2fetc%2fpasswd',
    '%2e%2e/%2e%2e/etc/passwd',
    'a/%2e%2e/b',
    '/etc/passwd',
    '%2Fetc/passwd',
    'a//b',
    './a',
    'a/.',
    'a/',
    'C:%5cwindows',
    'c:/x',
    '..%5c..%5cx',
    'a%5c..%5cb',
    '%00',
    'a%00b',
    '%',
    '%zz',
    '%ff',
  ])('%s leads out of its folder or is no path', (encoded) => {
    expect(() => artifactPath(encoded)).toThrow(/^Invalid path$/);
  });

  it('of a folder may end in a slash', () => {
    expect(folderPath('a/b/')).toBe('a/b');
    expect(folderPath('')).toBe('');
  });
});
