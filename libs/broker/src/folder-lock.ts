import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError, newId } from '@flywheel/core';
import { codeOf } from './log/disk.ts';

const attempts = 4;
const largestPauseMs = 30;

/**
 * Keeps a second broker out of a data folder. Each claim is an empty file whose name tells the process and when that
 * process began, so that what a dead process left does not block, even if its pid now belongs to another. Who claims
 * looks for others afterwards: of two at least one sees the other and steps back. Throws `conflict` with the pid that
 * holds the folder.
 */
export async function lockFolder(folder: string): Promise<AsyncDisposable> {
  await mkdir(folder, { recursive: true });
  const name = `lock.${process.pid}.${(await startOf(process.pid)) ?? '0'}.${newId()}`;
  const path = join(folder, name);
  for (let attempt = 1; ; attempt++) {
    await writeFile(path, '', { flag: 'wx' });
    const pid = await otherHolder(folder, name);
    if (pid === undefined) return { [Symbol.asyncDispose]: () => rm(path, { force: true }) };
    await rm(path);
    if (attempt === attempts)
      throw new AppError('conflict', 'data folder is already in use', { details: { pid, folder } });
    await delay(Math.random() * largestPauseMs); // two that came at once do not meet again
  }
}

/** The pid of a live process that claims the folder besides `own`; claims of dead ones are removed. */
async function otherHolder(folder: string, own: string): Promise<number | undefined> {
  const names = (await readdir(folder)).filter((name) => name.startsWith('lock.') && name !== own);
  for (const name of names) {
    const [, pid, startedAt] = name.split('.');
    if (await isAlive(Number(pid), startedAt ?? '')) return Number(pid);
    await rm(join(folder, name), { force: true });
  }
  return undefined;
}

async function isAlive(pid: number, startedAt: string): Promise<boolean> {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return false; // any other error: it exists and belongs to another user
  }
  const start = await startOf(pid);
  return start === undefined || startedAt === '0' || start === startedAt;
}

/** Field 22 of /proc/pid/stat, in clock ticks since boot; `undefined` where there is no /proc. */
async function startOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]; // the name before may hold spaces
}
