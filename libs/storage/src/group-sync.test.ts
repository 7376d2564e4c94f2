import { appendFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '@flywheel/core/testing';
import { GroupSync } from './group-sync.ts';

describe('the group sync', () => {
  it('has nothing to wait for before something is noted, and after it is on the disk', async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'wal');
    writeFileSync(path, 'x');
    const sync = new GroupSync();
    expect(sync.settled()).toBeUndefined();

    sync.note(path);
    await sync.settled();

    expect(sync.settled()).toBeUndefined();
  });

  it('lets all that is noted while one sync runs wait for one more', async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'wal');
    writeFileSync(path, 'x');
    const sync = new GroupSync();
    sync.note(path);
    const first = sync.settled();
    await Promise.resolve();
    await Promise.resolve();

    appendFileSync(path, 'y');
    sync.note(path);
    const second = sync.settled();
    sync.note(path);
    const third = sync.settled();

    expect(second).not.toBe(first);
    expect(third).toBe(second);
    await second;
    expect(sync.settled()).toBeUndefined();
  });

  it('syncs a file that was renamed or removed since', async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'wal');
    writeFileSync(path, 'x');
    const sync = new GroupSync();
    sync.note(path);

    rmSync(path);

    await sync.settled();
    sync.settleNow();
    expect(sync.settled()).toBeUndefined();
  });
});
