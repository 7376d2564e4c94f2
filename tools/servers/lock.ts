import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { isAlive } from './processes.ts';
import { waitUntil } from './wait.ts';

/** Runs `work` while no other process holds the lock file; one left behind by a dead process is taken over. */
export async function withLock<T>(
  file: string,
  work: () => Promise<T>,
  withinMs = 1_800_000,
): Promise<T> {
  mkdirSync(dirname(file), { recursive: true });
  await waitUntil(
    () => {
      acquire(file);
    },
    { withinMs, everyMs: 200 },
  );
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}

function acquire(file: string): void {
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    const holder = holderOf(file);
    if (holder !== undefined && !isAlive(holder)) rmSync(file, { force: true });
    throw new Error(`${file} is held by process ${holder ?? 'unknown'}`, { cause: error });
  }
}

function holderOf(file: string): number | undefined {
  try {
    const pid = Number(readFileSync(file, 'utf8'));
    return pid > 1 ? pid : undefined;
  } catch {
    return undefined;
  }
}
