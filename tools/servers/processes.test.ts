import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { eventually, temporaryFolder } from '@flywheel/core/testing';
import { DetachedProcess, isAlive } from './processes.ts';

/** A folder with a process in it that says hello and lives until it is ended. */
function processIn(
  folder: string,
  script = "console.log('up'); setInterval(() => undefined, 1000)",
) {
  const pidFile = join(folder, 'pid');
  const logFile = join(folder, 'log');
  const child = new DetachedProcess({ pidFile, signature: `of ${folder}` });
  return {
    child,
    pidFile,
    logFile,
    start: () =>
      child.start(process.execPath, ['-e', script, `of ${folder}`], { logFile, cwd: folder }),
    up: () =>
      eventually(() => {
        expect(readFileSync(logFile, 'utf8')).toContain('up');
      }),
    [Symbol.asyncDispose]: async () => {
      await child.stop({ signals: [], graceMs: 5000 });
    },
  };
}

describe('a detached process', () => {
  test('is started, found by its pid file, and ended', async () => {
    using folder = temporaryFolder();
    await using it = processIn(folder.path);

    const pid = await it.start();
    await it.up();

    expect(it.child.pid()).toBe(pid);
    expect(await it.child.stop({ signals: ['SIGTERM'], graceMs: 5000 })).toBe(true);
    expect(isAlive(pid)).toBe(false);
    expect(existsSync(it.pidFile)).toBe(false);
    expect(await it.child.stop({ signals: ['SIGTERM'], graceMs: 5000 })).toBe(false);
  });

  test('is found without its pid file', async () => {
    using folder = temporaryFolder();
    await using it = processIn(folder.path);

    const pid = await it.start();
    await it.up();
    rmSync(it.pidFile);

    expect(it.child.pid()).toBe(pid);
  });

  test('is not confused with another process that has the noted pid', async () => {
    using folder = temporaryFolder();
    await using it = processIn(folder.path);

    writeFileSync(it.pidFile, String(process.pid));

    expect(it.child.pid()).toBeUndefined();
    expect(await it.child.stop({ signals: ['SIGTERM'], graceMs: 100 })).toBe(false);
  });

  test('is killed when it does not listen', async () => {
    using folder = temporaryFolder();
    const deaf =
      "process.on('SIGTERM', () => undefined); console.log('up'); setInterval(() => undefined, 1000)";
    await using it = processIn(folder.path, deaf);

    const pid = await it.start();
    await it.up();
    await it.child.stop({ signals: ['SIGTERM'], graceMs: 200 });

    expect(isAlive(pid)).toBe(false);
  });

  test('a program that does not exist is an error', async () => {
    using folder = temporaryFolder();
    const child = new DetachedProcess({ pidFile: join(folder.path, 'pid'), signature: 'none' });

    await expect(
      child.start(join(folder.path, 'missing'), [], {
        logFile: join(folder.path, 'log'),
        cwd: folder.path,
      }),
    ).rejects.toThrow('ENOENT');
  });
});
