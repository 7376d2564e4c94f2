import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '@flywheel/core/testing';
import { describe, expect, it } from 'vitest';
import { lockDataFolder } from './data-folder-lock.ts';

function plant(folder: string, claim: string): void {
  mkdirSync(join(folder, 'lock'), { recursive: true });
  writeFileSync(join(folder, 'lock', claim), '');
}

/** What lies in the folder's lock while this process has it. */
async function claimsUnderLock(folder: string): Promise<string[]> {
  using lock = await lockDataFolder(folder);
  expect(lock).toBeDefined();
  return readdirSync(join(folder, 'lock'));
}

describe('the lock of a data folder', () => {
  it('keeps a second process out at once, and tells who is in', async () => {
    using folder = temporaryFolder();
    using first = await lockDataFolder(folder.path);

    expect(first).toBeDefined();
    await expect(lockDataFolder(folder.path)).rejects.toMatchObject({
      code: 'conflict',
      message: 'the data folder is in use',
      details: { folder: folder.path, pid: process.pid },
    });
  });

  it('is free again once it was given back', async () => {
    using folder = temporaryFolder();
    (await lockDataFolder(folder.path))[Symbol.dispose]();

    expect(await claimsUnderLock(folder.path)).toHaveLength(1);
  });

  it('of a process that was killed does not block', async () => {
    using folder = temporaryFolder();
    const dead = spawn(process.execPath, ['--eval', '']);
    await once(dead, 'exit');
    plant(folder.path, `${dead.pid}.12345.a`);

    expect(await claimsUnderLock(folder.path)).not.toContain(`${dead.pid}.12345.a`);
  });

  it('of a process whose pid another one has now does not block', async () => {
    using folder = temporaryFolder();
    plant(folder.path, `${process.ppid}.1.a`); // runs, but began at another time
    plant(folder.path, `${process.pid}.1.a`); // so does this one: the first process of a container has the same pid always

    expect(await claimsUnderLock(folder.path)).toHaveLength(1);
  });

  it('of another process that runs blocks', async () => {
    using folder = temporaryFolder();
    const stat = readFileSync(`/proc/${process.ppid}/stat`, 'utf8');
    const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
    plant(folder.path, `${process.ppid}.${started}.a`);

    await expect(lockDataFolder(folder.path)).rejects.toMatchObject({
      details: { pid: process.ppid },
    });
  });

  it.each(['', 'nonsense', '-1.2.3', '0..', '99999999999999999999.1.a'])(
    'does not trip over a file that is no claim: "%s"',
    async (name) => {
      using folder = temporaryFolder();
      if (name === '')
        writeFileSync(join(folder.path, 'lock'), '{"pid":1}'); // its earlier form
      else plant(folder.path, name);

      expect(await claimsUnderLock(folder.path)).toHaveLength(1);
    },
  );

  it('has one holder at most, however many come at once', async () => {
    using folder = temporaryFolder();

    for (let round = 0; round < 5; round++) {
      const tries = await Promise.allSettled(
        Array.from({ length: 8 }, () => lockDataFolder(folder.path)),
      );
      const held = tries.filter((one) => one.status === 'fulfilled');
      expect(held.length).toBeLessThanOrEqual(1);
      for (const { value } of held) value[Symbol.dispose]();
    }
  });
});
