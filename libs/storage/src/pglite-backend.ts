import { PGlite } from '@electric-sql/pglite';
import { message } from './postgres-wire.ts';
import type { Backend } from './shared-backend.ts';

/**
 * What PostgreSQL is started with beside PGlite's own parameters. 16 MB of shared buffers instead of 128 MB halve the
 * memory of the process (the operating system's cache holds the pages as well); the WAL is bounded by the upkeep's
 * checkpoints, which a single-user backend does not make by itself.
 */
const settings = [
  'shared_buffers=16MB',
  'wal_buffers=1MB',
  'min_wal_size=32MB',
  'max_wal_size=64MB',
  'jit=off',
  'track_counts=on',
];

/** Makes a new data folder. Needs some 800 MB while it runs, so it belongs in a process that ends. */
export async function initialize(folder: string): Promise<void> {
  const database = await PGlite.create({ dataDir: folder });
  await database.close();
}

export async function openBackend(
  folder: string,
): Promise<{ backend: Backend; welcome: Buffer; close: () => Promise<void> }> {
  const database = await PGlite.create({
    dataDir: folder,
    startParams: [...PGlite.defaultStartParams, ...settings.flatMap((setting) => ['-c', setting])],
  });
  const backend: Backend = {
    run: async (messages) => {
      const output: Buffer[] = [];
      await database.execProtocolRawStream(messages, {
        // The bytes lie in the backend's memory and change with the next call.
        onRawData: (bytes) => output.push(Buffer.from(bytes)),
      });
      return Buffer.concat(output);
    },
    isInTransaction: () => database.isInTransaction(),
  };
  return {
    backend,
    welcome: await backend.run(startup({ user: 'postgres', database: 'postgres' })),
    close: () => database.close(),
  };
}

function startup(parameters: Record<string, string>): Buffer {
  const version = Buffer.alloc(4);
  version.writeInt32BE(3 << 16);
  // A startup message has no type byte.
  return message('x', version, ...Object.entries(parameters).flat(), Buffer.from([0])).subarray(1);
}
