import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { temporaryFolder } from '@flywheel/core/testing';
import { describe, expect, it } from 'vitest';
import { lockFolder } from './folder-lock.ts';

describe('a data folder', () => {
  it('belongs to one at a time, and to the next when the first gives it back', async () => {
    using temporary = temporaryFolder();
    const first = await lockFolder(temporary.path);

    await expect(lockFolder(temporary.path)).rejects.toMatchObject({
      code: 'conflict',
      details: { pid: process.pid },
    });
    await first[Symbol.asyncDispose]();
    await using second = await lockFolder(temporary.path);

    expect(second).toBeDefined();
    expect(readdirSync(temporary.path)).toEqual(['lock']);
  });

  it('is not kept by a dead process, by a pid that now is another process, or by garbage', async () => {
    const dead = spawnSync(process.execPath, ['-e', '']).pid;
    for (const content of [
      JSON.stringify({ pid: dead, startedAt: '1' }),
      JSON.stringify({ pid: process.pid, startedAt: '1' }), // this process began later
      'not a lock',
      '',
    ]) {
      using temporary = temporaryFolder();
      const path = join(temporary.path, 'lock');
      writeFileSync(path, content);

      const lock = await lockFolder(temporary.path);
      expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ pid: process.pid });
      await lock[Symbol.asyncDispose]();

      expect(existsSync(path)).toBe(false);
    }
  });

  it('goes to exactly one of many that come at once upon a stale lock', async () => {
    using temporary = temporaryFolder();
    writeFileSync(join(temporary.path, 'lock'), 'stale');

    const attempts = await Promise.allSettled(
      Array.from({ length: 20 }, () => lockFolder(temporary.path)),
    );

    expect(attempts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(readdirSync(temporary.path)).toEqual(['lock']);
  });
});
