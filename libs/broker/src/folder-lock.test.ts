import { readdirSync, writeFileSync } from 'node:fs';
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
    const second = await lockFolder(temporary.path);
    expect(readdirSync(temporary.path)).toHaveLength(1);
    await second[Symbol.asyncDispose]();

    expect(readdirSync(temporary.path)).toEqual([]);
  });

  it('is not kept by a dead process, by a pid that now is another process, or by garbage', async () => {
    const dead = spawnSync(process.execPath, ['-e', '']).pid;
    for (const name of [
      `lock.${dead}.1.x`,
      `lock.${process.pid}.1.x`, // this process began later
      'lock.x',
      'lock.',
    ]) {
      using temporary = temporaryFolder();
      writeFileSync(join(temporary.path, name), '');

      await using lock = await lockFolder(temporary.path);

      expect(lock).toBeDefined();
      const [own, ...others] = readdirSync(temporary.path);
      expect(own).toMatch(new RegExp(`^lock\\.${process.pid}\\.\\d+\\.`));
      expect(others).toEqual([]);
    }
  });

  it('never goes to two of many that come at once upon a stale lock', async () => {
    for (let round = 0; round < 10; round++) {
      using temporary = temporaryFolder();
      writeFileSync(join(temporary.path, 'lock.x'), '');

      const outcomes = await Promise.allSettled(
        Array.from({ length: 8 }, () => lockFolder(temporary.path)),
      );

      const held = outcomes.filter(({ status }) => status === 'fulfilled');
      expect(held.length).toBeLessThanOrEqual(1);
      expect(readdirSync(temporary.path)).toHaveLength(held.length);
    }
  });
});
