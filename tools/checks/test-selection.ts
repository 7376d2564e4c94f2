import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { repository } from './tracked-files.ts';

/** The test files that vitest would run in this folder, as it says itself. */
export function listTestFiles(folder: string): readonly string[] {
  const vitest = join(repository, 'node_modules', 'vitest', 'vitest.mjs');
  const environment = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('VITEST')),
  );
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [vitest, 'list', '--filesOnly', '--json', '--root', folder],
    { cwd: folder, env: environment, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
  );
  if (status !== 0) throw new Error(`vitest list failed: ${stderr}`);
  const listed = JSON.parse(stdout) as readonly { readonly file: string }[];
  return listed.map(({ file }) => file);
}

/** Test files that need real servers; `npm test` needs none and must not pick them up. */
export function findServerTests(files: readonly string[]): readonly string[] {
  return files.filter((file) => file.endsWith('.int.test.ts'));
}
