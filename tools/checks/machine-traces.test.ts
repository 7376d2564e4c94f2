import { describe, expect, test } from 'vitest';
import { findMachineTraces } from './machine-traces.ts';
import { trackedTextFiles } from './tracked-files.ts';

const slash = '/';
/** Written in two pieces, so that this file is not a finding itself. */
const split = (text: string): string => text.replace('|', '');
const planted = (text: string): readonly string[] =>
  findMachineTraces([{ path: 'a.md', text }], [`${slash}clones${slash}`]);

describe('traces of a machine', () => {
  test.each([
    [`see ${slash}home${slash}ada${slash}notes`, "a user's folder"],
    [`see ${slash}Users${slash}ada${slash}notes`, "a user's folder"],
    [`cat ${slash}root${slash}.npmrc`, "root's folder"],
    [split('-----BEGIN RSA| PRIVATE KEY-----'), 'a private key'],
    [split('key=AKIA|ABCDEFGHIJKLMNOP'), 'an access key of AWS'],
    [split(`token: ghp|_${'a1'.repeat(18)}`), 'a token of GitHub'],
    [split('//registry.example/:_auth|Token=x'), 'a token of npm'],
    [split('registry|=https://registry.example'), 'the address of a registry'],
    [`in ${slash}clones${slash}main`, '/clones/'],
  ])('%j is found', (text, what) => {
    expect(planted(text)).toEqual([`a.md: ${what}`]);
  });

  test.each([
    'https://example.org/home/page/index.html',
    'AKIAIOSFODNN7EXAMPLE',
    'the folder apps/clones/src',
    '~/.cache/flywheel',
  ])('%j is none', (text) => {
    expect(planted(text)).toEqual([]);
  });

  test('no file of this repository has any', () => {
    expect(findMachineTraces(trackedTextFiles())).toEqual([]);
  });
});
