import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { AppError } from '@flywheel/core';

/**
 * One process per data folder: a lock file with the holder's pid and start time. The lock of a process that is gone
 * (or whose pid now belongs to another) does not block.
 */
export function lockDataFolder(folder: string): Promise<Disposable> {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'lock');
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      const file = openSync(path, 'wx');
      writeSync(file, JSON.stringify({ pid: process.pid, started: startOf(process.pid) }));
      closeSync(file);
      return Promise.resolve({ [Symbol.dispose]: () => rmSync(path, { force: true }) });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const holder = readHolder(path);
      if (holder && isAlive(holder))
        return Promise.reject(
          new AppError('conflict', 'the data folder is in use', {
            details: { folder, pid: holder.pid },
          }),
        );
      rmSync(path, { force: true });
    }
  }
  return Promise.reject(
    new AppError('conflict', 'the data folder is in use', { details: { folder } }),
  );
}

type Holder = { pid: number; started: string | undefined };

function readHolder(path: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Holder; // written by us; anything else counts as stale
  } catch {
    return undefined;
  }
}

function isAlive(holder: Holder): boolean {
  if (!Number.isInteger(holder.pid)) return false;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  const started = startOf(holder.pid);
  return started === undefined || holder.started === undefined || started === holder.started;
}

/** Start time of a process in clock ticks since boot, where the system tells (Linux). */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}
