import { expect, test } from 'vitest';
import { findMissingReadmes } from './readmes.ts';
import { trackedTextFiles } from './tracked-files.ts';

test('a package without a README or with an empty one is found', () => {
  const planted = [
    { path: 'libs/good/package.json', text: '{}' },
    { path: 'libs/good/README.md', text: 'What it is for, what it owns. '.repeat(10) },
    { path: 'libs/bare/package.json', text: '{}' },
    { path: 'apps/empty/package.json', text: '{}' },
    { path: 'apps/empty/README.md', text: '# empty\n' },
    { path: 'tools/package.json', text: '{}' },
  ];

  expect(findMissingReadmes(planted)).toEqual(['apps/empty', 'libs/bare']);
});

test('every app and lib of this repository has a README', () => {
  expect(findMissingReadmes(trackedTextFiles())).toEqual([]);
});
