import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ESLint } from 'eslint';
import { beforeAll, describe, expect, test } from 'vitest';

const repository = resolve(import.meta.dirname, '..', '..');
const planted = join(import.meta.dirname, 'planted');

/** Each planted file, the package or file in whose place it is linted, and the rule that must catch it. */
const violations = [
  ['service-imports-service', 'apps/router', '@nx/enforce-module-boundaries'],
  ['contracts-import-adapter', 'libs/contracts', '@nx/enforce-module-boundaries'],
  ['kafkajs-outside-its-home', 'apps/router', 'no-restricted-imports'],
  ['kafkajs-outside-its-home', 'libs/storage', 'no-restricted-imports'],
  ['domain-imports-client', 'apps/registry', 'no-restricted-imports'],
  ['testing-entry-in-product', 'apps/router', 'no-restricted-imports'],
  ['fixture-in-product', 'apps/router', 'no-restricted-imports'],
  ['enum', 'libs/core', 'no-restricted-syntax'],
  ['environment-outside-main', 'apps/router', 'no-restricted-properties'],
  ['module-mock', 'libs/core/src/core.test.ts', 'no-restricted-syntax'],
  ['cast-to-any', 'libs/core', 'no-restricted-syntax'],
  ['console', 'libs/core', 'no-console'],
  ['default-export', 'libs/core', 'no-restricted-exports'],
  ['export-all', 'libs/core/src/index.ts', 'no-restricted-syntax'],
  ['floating-promise', 'libs/core', '@typescript-eslint/no-floating-promises'],
] as const;

/** A file that exists, so that the type checker knows it: its text is replaced by the planted one. */
function placeIn(place: string): string {
  if (place.endsWith('.ts')) return join(repository, place);
  const folder = join(repository, place, 'src');
  const ordinary = readdirSync(folder).find(
    (name) =>
      name.endsWith('.ts') && !/^(main|index|testing)\.ts$|\.(test|contract)\.ts$/.test(name),
  );
  return join(folder, ordinary ?? 'index.ts');
}

async function rulesThatComplain(name: string, place: string): Promise<readonly (string | null)[]> {
  const eslint = new ESLint({ cwd: repository });
  const source = readFileSync(join(planted, `${name}.ts.txt`), 'utf8');
  const [result] = await eslint.lintText(source, { filePath: placeIn(place) });
  return (result?.messages ?? []).map((message) => message.ruleId);
}

describe('the linter catches what it is there for', () => {
  // Without a project graph the boundary rule says nothing, so a fresh clone has to make one first.
  beforeAll(() => {
    const nx = join(repository, 'node_modules', '.bin', 'nx');
    const made = spawnSync(nx, ['show', 'projects'], { cwd: repository, encoding: 'utf8' });
    expect(made.status, made.stderr).toBe(0);
  });

  test.each(violations)('%s in %s is an error of %s', async (name, place, rule) => {
    expect(await rulesThatComplain(name, place)).toContain(rule);
  });

  test('what the rules allow passes in the same places', async () => {
    expect(await rulesThatComplain('allowed', 'apps/router')).toEqual([]);
    expect(await rulesThatComplain('kafkajs-outside-its-home', 'libs/kafka')).toEqual([]);
    expect(await rulesThatComplain('environment-outside-main', 'tools/servers/main.ts')).toEqual(
      [],
    );
  });

  test('every planted file is used', () => {
    const used = new Set<string>(violations.map(([name]) => `${name}.ts.txt`));
    const unused = readdirSync(planted).filter((file) => !used.has(file));

    expect(unused).toEqual(['allowed.ts.txt']);
  });
});
