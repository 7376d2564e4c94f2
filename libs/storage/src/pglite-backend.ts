import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { GroupSync } from './group-sync.ts';
import { message } from './postgres-wire.ts';
import type { Backend } from './shared-backend.ts';
import { SyncedNodeFS } from './synced-node-fs.ts';

/**
 * What PostgreSQL is started with beside PGlite's own parameters. 16 MB of shared buffers instead of 128 MB halve the
 * memory of the process (the operating system's cache holds the pages as well); the WAL is bounded by the upkeep's
 * checkpoints, which a single-user backend does not make by itself.
 */
const settings = [
  'shared_buffers=16MB',
  // The one method that reaches the file system: fdatasync is empty in WebAssembly.
  'wal_sync_method=fsync',
  'wal_buffers=1MB',
  'min_wal_size=32MB',
  'max_wal_size=64MB',
  'jit=off',
  'track_counts=on',
];

const noSync = '-F';
const filesAtOnce = 16;

/** Makes a new data folder, on the disk. Needs some 800 MB while it runs, so it belongs in a process that ends. */
export async function initialize(folder: string): Promise<void> {
  const database = await PGlite.create({ dataDir: folder });
  await database.close();
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = [folder, ...entries.map((entry) => join(entry.parentPath, entry.name))];
  await Promise.all(
    Array.from({ length: filesAtOnce }, async () => {
      for (let path = paths.pop(); path !== undefined; path = paths.pop()) await syncPath(path);
    }),
  );
}

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  await handle.sync();
  await handle.close();
}

export async function openBackend(
  folder: string,
): Promise<{ backend: Backend; welcome: Buffer; close: () => Promise<void> }> {
  const walSync = new GroupSync();
  const database = await PGlite.create({
    fs: new SyncedNodeFS(folder, walSync),
    startParams: [
      ...PGlite.defaultStartParams.filter((parameter) => parameter !== noSync),
      ...settings.flatMap((setting) => ['-c', setting]),
    ],
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
    durable: () => walSync.settled(),
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
