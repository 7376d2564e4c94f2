import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '@flywheel/core/testing';
import { lockDataFolder } from '@flywheel/runtime';
import { describe, expect, it, vi } from 'vitest';
import { runCommand } from '../commands/run-command.ts';
import { emptyDataFolder } from './data-folder.ts';
import { openPlatform } from './open-platform.ts';

/** A data folder with something in it that nobody may delete. */
function plantedFolder() {
  const folder = temporaryFolder();
  const file = join(folder.path, 'log', 'segment');
  mkdirSync(join(folder.path, 'log'));
  writeFileSync(file, 'acknowledged');
  return { ...folder, content: () => readFileSync(file, 'utf8') };
}

const environmentOf = (data: string) => ({
  ...{ FLYWHEEL_HTTP_PORT: '0', FLYWHEEL_KAFKA_PORT: '0', FLYWHEEL_SQL_PORT: '0' },
  FLYWHEEL_DATA: data,
});

describe('a fresh start', () => {
  it.each(['embedded', 'distributed'] as const)(
    'of the %s platform deletes nothing while another uses the folder',
    async (kind) => {
      using folder = plantedFolder();
      using other = await lockDataFolder(folder.path);

      const opening = openPlatform({
        ...{ kind, fresh: true, report: () => undefined },
        environment: environmentOf(folder.path),
      });

      await expect(opening).rejects.toMatchObject({
        code: 'conflict',
        message: 'the data folder is in use',
        details: { folder: folder.path, pid: process.pid },
      });
      expect(folder.content()).toBe('acknowledged');
      expect(other).toBeDefined();
    },
  );

  it('by the command line is refused with one sentence', async () => {
    using folder = plantedFolder();
    using other = await lockDataFolder(folder.path);
    using stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true);

    expect(await runCommand(['up', '--fresh'], environmentOf(folder.path))).toBe(1);

    expect(stderr.mock.calls.map(([text]) => text)).toEqual([
      `The data folder ${folder.path} is in use by process ${process.pid}: stop that process or set another folder with FLYWHEEL_DATA.\n`,
    ]);
    expect(folder.content()).toBe('acknowledged');
    expect(other).toBeDefined();
  });

  it('deletes what a platform left, and nothing else', async () => {
    using folder = plantedFolder();
    const notes = join(folder.path, 'notes.txt');
    writeFileSync(notes, 'mine');

    await emptyDataFolder(folder.path);

    expect(folder.content).toThrow('ENOENT');
    expect(readFileSync(notes, 'utf8')).toBe('mine');
    (await lockDataFolder(folder.path))[Symbol.dispose]();
  });
});
