import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '@flywheel/core/testing';
import { findServerTests, listTestFiles } from './test-selection.ts';
import { repository } from './tracked-files.ts';

test('a package that would run tests on servers is found', () => {
  using folder = temporaryFolder();
  const config = "export default { test: { include: ['*.test.ts'], exclude: [] } };";
  writeFileSync(join(folder.path, 'vitest.config.mjs'), config);
  writeFileSync(join(folder.path, 'a.test.ts'), '');
  writeFileSync(join(folder.path, 'b.int.test.ts'), '');

  const files = listTestFiles(folder.path);

  expect(files).toHaveLength(2);
  expect(findServerTests(files)).toEqual([expect.stringMatching(/b\.int\.test\.ts$/)]);
});

test('npm test runs no test that needs a server', () => {
  const files = listTestFiles(repository);

  expect(files.length).toBeGreaterThan(10);
  expect(findServerTests(files)).toEqual([]);
});
