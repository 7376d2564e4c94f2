import { mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError, newId } from '@flywheel/core';

const ATTEMPTS = 4;
const LONGEST_PAUSE_MS = 40;

/**
 * One process per data folder. Each claim is an empty file in `<folder>/lock`, named for the process and for when it
 * began, so that what a dead process left (even if its pid now belongs to another) does not block. Who claims looks for
 * others afterwards: of two that come at once at least one sees the other and steps back. Throws `conflict` with the
 * folder and the pid that holds it.
 */
export async function lockDataFolder(folder: string): Promise<Disposable> {
  const claims = join(folder, 'lock');
  makeFolder(claims);
  const own = `${process.pid}.${startOf(process.pid) ?? ''}.${newId()}`;
  const path = join(claims, own);
  for (let attempt = 1; ; attempt++) {
    writeFileSync(path, '', { flag: 'wx' });
    const pid = otherHolder(claims, own);
    if (pid === undefined) return { [Symbol.dispose]: () => rmSync(path, { force: true }) };
    rmSync(path, { force: true });
    if (attempt === ATTEMPTS)
      throw new AppError('conflict', 'the data folder is in use', { details: { folder, pid } });
    await delay(Math.random() * LONGEST_PAUSE_MS); // two that came at once do not meet again
  }
}

/** A file of that name is what an earlier form of this lock left. */
function makeFolder(claims: string): void {
  if (statSync(claims, { throwIfNoEntry: false })?.isFile()) rmSync(claims);
  mkdirSync(claims, { recursive: true });
}

/** The pid of a running process with a claim; claims of processes that are gone are removed. */
function otherHolder(claims: string, own: string): number | undefined {
  for (const name of readdirSync(claims)) {
    if (name === own) continue;
    const [pid, started] = name.split('.');
    if (isRunning(Number(pid), started ?? '')) return Number(pid);
    rmSync(join(claims, name), { force: true, recursive: true });
  }
  return undefined;
}

function isRunning(pid: number, started: string): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false; // EPERM: it runs as somebody else
  }
  if (statOf(pid)?.[0] === 'Z') return false; // ended, and not yet collected by its parent
  const start = startOf(pid);
  return start === undefined || started === '' || start === started;
}

/** When a process began, in clock ticks since boot, where the system tells (Linux). */
function startOf(pid: number): string | undefined {
  return statOf(pid)?.[19];
}

/** The fields of /proc/<pid>/stat after the command, which may hold spaces and parentheses. */
function statOf(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}
