import { fdatasyncSync, fstatSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { PGlite } from '@electric-sql/pglite';
import { NodeFS } from '@electric-sql/pglite/nodefs';
import type { GroupSync } from './group-sync.ts';

const dataFolder = '/pglite/data/';
const walFolder = `${dataFolder}pg_wal/`;

/** A checkpoint syncs every file and then writes this one; the margin covers clocks that count whole seconds. */
const controlFile = 'global/pg_control';
const marginMs = 2_000;

type Stream = { nfd?: number; path?: string };
type Module = {
  FS: { filesystems: { NODEFS: { stream_ops: { fsync?: (stream: Stream) => number } } } };
};
type Options = Parameters<NodeFS['init']>[1];

/**
 * PGlite's files on the disk, with the fsync that its file system lacks. The WAL is left to `walSync`, which serves
 * many commits at once while the backend goes on; any other file is synced on the spot, and the WAL before it, as
 * PostgreSQL relies on that order.
 */
export class SyncedNodeFS extends NodeFS {
  readonly #walSync: GroupSync;
  readonly #syncedUntilMs: number;

  constructor(folder: string, walSync: GroupSync) {
    super(folder);
    this.#walSync = walSync;
    this.#syncedUntilMs = lastCheckpointMs(folder) - marginMs;
  }

  override async init(database: PGlite, options: Options): ReturnType<NodeFS['init']> {
    const { emscriptenOpts } = await super.init(database, options);
    const addSync = (module: unknown) => {
      (module as Module).FS.filesystems.NODEFS.stream_ops.fsync = (stream) => this.#sync(stream);
    };
    const preRun = [...(emscriptenOpts.preRun ?? []), addSync];
    return { emscriptenOpts: { ...emscriptenOpts, preRun } };
  }

  #sync({ nfd, path }: Stream): number {
    if (path?.startsWith(walFolder)) {
      this.#walSync.note(join(this.rootDir, path.slice(dataFolder.length)));
      return 0;
    }
    this.#walSync.settleNow();
    // After a kill PostgreSQL asks for every file of the folder, a thousand or two; few have changed.
    if (nfd !== undefined && fstatSync(nfd).mtimeMs >= this.#syncedUntilMs) fdatasyncSync(nfd);
    return 0;
  }
}

function lastCheckpointMs(folder: string): number {
  return statSync(join(folder, controlFile), { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
