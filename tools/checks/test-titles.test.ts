import { describe, expect, test } from 'vitest';
import { findDuplicateTitles } from './test-titles.ts';
import { trackedTextFiles } from './tracked-files.ts';

describe('titles of tests', () => {
  test('the same title twice in one group is found', () => {
    const planted = `
      describe('a store', () => {
        test('keeps a value', () => {});
        test.each([1, 2])('keeps %i', () => {});
        test.each([3, 4])('keeps %i', () => {});
        test('keeps a value', () => {});
      });`;

    expect(findDuplicateTitles(planted)).toEqual(['a store > keeps a value']);
  });

  test('the same title in two groups is not a duplicate', () => {
    const fine = `
      describe('files', () => { it('keeps a value', () => {}); });
      describe.each(['s3'])('objects', () => { it.skipIf(false)('keeps a value', () => {}); });`;

    expect(findDuplicateTitles(fine)).toEqual([]);
  });

  test('no test file of this repository has the same title twice', () => {
    const duplicates = trackedTextFiles()
      .filter(({ path }) => /\.(test|contract)\.ts$/.test(path))
      .flatMap(({ path, text }) => findDuplicateTitles(text).map((title) => `${path}: ${title}`));

    expect(duplicates).toEqual([]);
  });
});
