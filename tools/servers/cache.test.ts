import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '@flywheel/core/testing';
import { fillOnce } from './cache.ts';
import { withLock } from './lock.ts';

test('a cache folder is filled once, however often and by however many it is asked for', async () => {
  using folder = temporaryFolder();
  const target = join(folder.path, 'program-1');
  let fills = 0;
  const fill = (unfinished: string): Promise<void> => {
    writeFileSync(join(unfinished, 'binary'), String(++fills));
    return Promise.resolve();
  };

  await Promise.all([fillOnce(target, fill), fillOnce(target, fill)]);
  await fillOnce(target, fill);

  expect(readFileSync(join(target, 'binary'), 'utf8')).toMatch(/^[12]$/);
  expect(readdirSync(folder.path)).toEqual(['program-1']);
});

test('an install that fails leaves nothing behind', async () => {
  using folder = temporaryFolder();
  const target = join(folder.path, 'program-1');

  await expect(fillOnce(target, () => Promise.reject(new Error('no network')))).rejects.toThrow(
    'no network',
  );

  expect(readdirSync(folder.path)).toEqual([]);
});

test('a lock lets one in at a time and is given back after a failure', async () => {
  using folder = temporaryFolder();
  const file = join(folder.path, 'lock');
  const inside: string[] = [];
  const work = (name: string) => async (): Promise<void> => {
    inside.push(`${name} in`);
    await new Promise(setImmediate);
    inside.push(`${name} out`);
  };

  await Promise.all([withLock(file, work('a')), withLock(file, work('b'))]);
  await expect(withLock(file, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');

  expect(inside).toEqual(['a in', 'a out', 'b in', 'b out']);
  expect(existsSync(file)).toBe(false);
});

test('a lock that a dead process left behind is taken over', async () => {
  using folder = temporaryFolder();
  const file = join(folder.path, 'lock');
  writeFileSync(file, '999999999');

  expect(await withLock(file, () => Promise.resolve('done'), 5000)).toBe('done');
});
