import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { lockDataFolder } from '@flywheel/runtime';
import type { Environment } from '@flywheel/runtime';

/** What a data folder of ours may hold beside its lock; `--fresh` deletes these and nothing else. */
const ours = [
  'log',
  'sql',
  'objects',
  'online',
  'services',
  'cache',
  'lap',
  'distributed',
  'addresses.json',
  'platform.log',
];

export function dataFolder(environment: Environment): string {
  return resolve(environment['FLYWHEEL_DATA'] ?? '.flywheel');
}

/** Deletes what a platform left. Throws `conflict`, and deletes nothing, while one uses the folder. */
export async function emptyDataFolder(data: string): Promise<void> {
  const lock = await lockDataFolder(data);
  try {
    for (const name of ours) rmSync(join(data, name), { recursive: true, force: true });
  } finally {
    lock[Symbol.dispose]();
  }
}
