import { linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AppError, newId } from '@flywheel/core';
import { isRunning, startOf } from './process-identity.ts';

type Holder = { pid: number; parentPid: number; startedAt: string };

/** A takeover that takes longer was cut off by a kill. */
const takeoverMs = 10_000;

/**
 * Makes this process the only user of `folder` until it gives the lock back or dies: a lock whose process is dead, or
 * whose pid now belongs to another process, is taken over. Throws `conflict` with `details.pid` when it is in use.
 */
export function lockFolder(folder: string): Disposable & { readonly parentPid: number } {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'lock');
  const mine = `${path}.${newId()}`;
  const holder: Holder = {
    pid: process.pid,
    parentPid: process.ppid,
    startedAt: startOf(process.pid) ?? '',
  };
  writeFileSync(mine, JSON.stringify(holder));
  try {
    while (!tryLink(mine, path)) removeIfStale(path);
  } finally {
    rmSync(mine, { force: true });
  }
  return {
    parentPid: holder.parentPid,
    [Symbol.dispose]: () => {
      if (readHolder(path)?.pid === process.pid) rmSync(path, { force: true });
    },
  };
}

/** True when the holder's own parent is gone, so that it is about to leave by itself. */
export function isOrphan(folder: string): boolean {
  const holder = readHolder(join(folder, 'lock'));
  return holder !== undefined && !isRunning(holder.parentPid);
}

/** One process at a time looks again and removes, so that nobody removes the lock of a quicker one. */
function removeIfStale(path: string): void {
  throwIfHeld(path);
  const takeover = `${path}.takeover`;
  try {
    mkdirSync(takeover);
  } catch {
    if (Date.now() - modifiedMs(takeover) > takeoverMs)
      rmSync(takeover, { recursive: true, force: true });
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    return;
  }
  try {
    throwIfHeld(path);
    rmSync(path, { force: true });
  } finally {
    rmSync(takeover, { recursive: true, force: true });
  }
}

function throwIfHeld(path: string): void {
  const holder = readHolder(path);
  if (!holder || !isRunning(holder.pid) || startOf(holder.pid) !== holder.startedAt) return;
  throw new AppError('conflict', 'data folder is in use', {
    details: { pid: holder.pid, folder: join(path, '..') },
  });
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function readHolder(path: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Holder;
  } catch {
    return undefined;
  }
}

function modifiedMs(path: string): number {
  try {
    return statSync(path).mtimeMs;
  } catch {
    return Date.now();
  }
}
