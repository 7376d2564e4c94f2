import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findResolvedAddresses } from './lock-file.ts';
import { repository } from './tracked-files.ts';

const address = ['https:', '', 'packages.example', 'a-1.0.0.tgz'].join('/');

test('a lock file with an address is found out', () => {
  const planted = JSON.stringify(
    {
      packages: {
        'node_modules/a': { version: '1.0.0', resolved: address },
        'node_modules/b': { version: '1.0.0', integrity: 'sha512-xyz' },
        'node_modules/@flywheel/core': { resolved: 'libs/core', link: true },
      },
    },
    undefined,
    2,
  );

  expect(findResolvedAddresses(planted)).toEqual([`5: "resolved": "${address}"`]);
});

test("this repository's lock file has none", () => {
  const lockFile = readFileSync(join(repository, 'package-lock.json'), 'utf8');

  expect(findResolvedAddresses(lockFile)).toEqual([]);
});
