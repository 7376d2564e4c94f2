import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { silentLogger, systemClock } from '@flywheel/core';
import type { Clock, Logger } from '@flywheel/core';
import { temporaryFolder } from '@flywheel/core/testing';
import { freshPostgresFolder } from '@flywheel/storage/testing';
import type { Service } from './define-service.ts';
import { startProcess } from './start-process.ts';
import type { RunningProcess } from './start-process.ts';

export { configTable, withReadmePart } from './config-table.ts';

/** A data folder with an empty database in it (making one anew takes seconds), which goes when it is disposed. */
export async function testDataFolder(): Promise<{ path: string } & Disposable> {
  const folder = temporaryFolder();
  const database = await freshPostgresFolder();
  await rename(database, join(folder.path, 'sql'));
  return folder;
}

/** Services on an embedded platform of their own: free ports, a folder that goes with it. For component tests. */
export async function startTestProcess(
  services: readonly Service[],
  options: { environment?: Record<string, string>; clock?: Clock; log?: Logger } = {},
): Promise<RunningProcess> {
  const folder = await testDataFolder();
  const starting = startProcess(services, {
    environment: {
      FLYWHEEL_PLATFORM: 'embedded',
      FLYWHEEL_HTTP_PORT: '0',
      FLYWHEEL_KAFKA_PORT: '0',
      FLYWHEEL_SQL_PORT: '0',
      FLYWHEEL_DATA: folder.path,
      ...options.environment,
    },
    log: options.log ?? silentLogger,
    clock: options.clock ?? systemClock,
    isChecked: true,
  });
  starting.catch(() => folder[Symbol.dispose]());
  const running = await starting;
  return {
    ...running,
    [Symbol.asyncDispose]: async () => {
      await running[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    },
  };
}
