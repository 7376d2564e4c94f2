import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, newId } from '@flywheel/core';
import { codeOf } from './log/disk.ts';

type Owner = { readonly pid: number; readonly startedAt: string };

/**
 * Keeps a second broker out of a data folder. The lock names a process and when that process began, so that a lock left
 * by a dead process does not block, even if its pid now belongs to another. Throws `conflict` with the pid that holds it.
 */
export async function lockFolder(folder: string): Promise<AsyncDisposable> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, 'lock');
  const own = `${path}.${newId()}`;
  const me: Owner = { pid: process.pid, startedAt: (await startOf(process.pid)) ?? '' };
  await writeFile(own, JSON.stringify(me));
  try {
    await acquire(path, own);
  } finally {
    await rm(own, { force: true });
  }
  return { [Symbol.asyncDispose]: () => rm(path, { force: true }) };
}

/** The complete file is linked into place: a lock is never seen half written. */
async function acquire(path: string, own: string): Promise<void> {
  for (;;) {
    try {
      await link(own, path);
      return;
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    }
    const holder = await ownerIn(path);
    if (holder && (await isAlive(holder))) throw inUse(path, holder);
    await removeStale(path, `${own}.stale`);
  }
}

/** What is moved away is looked at again: if someone was quicker, it is a live lock, and goes back. */
async function removeStale(path: string, aside: string): Promise<void> {
  try {
    await rename(path, aside);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  const moved = await ownerIn(aside);
  try {
    if (!moved || !(await isAlive(moved))) return;
    await link(aside, path).catch(() => undefined);
    throw inUse(path, moved);
  } finally {
    await rm(aside, { force: true });
  }
}

function inUse(path: string, { pid }: Owner): AppError {
  return new AppError('conflict', 'data folder is already in use', {
    details: { pid, lock: path },
  });
}

async function ownerIn(path: string): Promise<Owner | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '');
  try {
    const parsed: unknown = JSON.parse(text);
    const isOwner =
      typeof parsed === 'object' && parsed !== null && 'pid' in parsed && 'startedAt' in parsed;
    return isOwner ? (parsed as Owner) : undefined;
  } catch {
    return undefined; // not a lock of ours: nobody holds it
  }
}

async function isAlive({ pid, startedAt }: Owner): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return false;
  }
  const start = await startOf(pid);
  return start === undefined || startedAt === '' || start === startedAt;
}

/** Field 22 of /proc/pid/stat, in clock ticks since boot; `undefined` where there is no /proc. */
async function startOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]; // the name before may hold spaces
}
