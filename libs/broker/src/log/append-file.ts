import { dirname } from 'node:path';
import { deferred } from '../deferred.ts';
import type { AppendHandle, Disk } from './disk.ts';

/** What is appended together becomes durable together. Both promises reject when the write was taken back. */
export type Commit = {
  /** The bytes are in the page cache: they survive the end of this process. */
  readonly written: Promise<void>;
  /** The bytes are on the disk. */
  readonly synced: Promise<void>;
};

export type AppendFileOptions = {
  readonly disk: Disk;
  /** False: `synced` follows `written` at once. */
  readonly isSynced: boolean;
  /** Where the sound content ends; whatever the file holds beyond is overwritten. */
  readonly position: number;
  /** Nothing is written before this resolves (the segment before is complete), nor ever if it rejects. */
  readonly after?: Promise<void> | undefined;
  /** Called with the durable size, before `synced` resolves. */
  readonly onSynced?: (sizeBytes: number) => void;
  /** Runs once, after the first sync and before its `synced` resolves. */
  readonly onFirstSync?: (() => Promise<void>) | undefined;
  /** A write failed and was taken back: all appends that were not yet synced are gone. */
  readonly onRefused?: (error: unknown) => void;
  /** The file can no longer be trusted (failed fdatasync, failed truncate): the process must end. */
  readonly onFatal: (error: unknown) => void;
};

const largestVector = 1024; // IOV_MAX of Linux

type PendingCommit = Commit & {
  readonly buffers: Buffer[];
  sizeBytes: number;
  readonly resolveWritten: () => void;
  readonly resolveSynced: () => void;
  readonly reject: (error: unknown) => void;
};

/**
 * Group commit on one file: everything appended while one commit is on its way to the disk goes out with the
 * next as one write and one fdatasync. Opened on the first append; never two writes at a time.
 */
export class AppendFile {
  readonly path: string;
  readonly #options: AppendFileOptions;
  #handle: AppendHandle | undefined;
  #durableBytes: number;
  #appendedBytes: number;
  #pending: PendingCommit | undefined;
  #running: Promise<void> | undefined;
  #hasSynced = false;
  #fatal: { readonly error: unknown } | undefined;

  constructor(path: string, options: AppendFileOptions) {
    this.path = path;
    this.#options = options;
    this.#durableBytes = options.position;
    this.#appendedBytes = options.position;
  }

  /** Where the next append goes, counting what is not yet written. */
  get appendedBytes(): number {
    return this.#appendedBytes;
  }

  get durableBytes(): number {
    return this.#durableBytes;
  }

  /** The buffers must not change afterwards. */
  append(buffers: readonly Buffer[]): Commit {
    const commit = (this.#pending ??= newCommit());
    for (const buffer of buffers) {
      commit.buffers.push(buffer);
      commit.sizeBytes += buffer.length;
      this.#appendedBytes += buffer.length;
    }
    this.#running ??= this.#run();
    return commit;
  }

  /** Resolves when nothing is on its way to the disk; never rejects. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running;
  }

  /** Waits for what was appended, then closes. */
  async close(): Promise<void> {
    await this.idle();
    await this.#handle?.close();
    this.#handle = undefined;
  }

  async #run(): Promise<void> {
    await new Promise(setImmediate); // whatever else this turn of the loop appends comes along
    while (this.#pending) {
      const commit = this.#pending;
      this.#pending = undefined;
      await this.#commit(commit);
    }
    this.#running = undefined;
  }

  async #commit(commit: PendingCommit): Promise<void> {
    if (this.#fatal) {
      commit.reject(this.#fatal.error);
      return;
    }
    try {
      await this.#options.after;
      this.#handle ??= await this.#open();
      await writeAll(this.#handle, commit.buffers, this.#durableBytes);
    } catch (error) {
      return this.#takeBack(commit, error);
    }
    commit.resolveWritten();
    try {
      if (this.#options.isSynced) await this.#handle.datasync();
      if (!this.#hasSynced) await this.#options.onFirstSync?.();
    } catch (error) {
      commit.reject(error);
      this.#die(error);
      return;
    }
    this.#hasSynced = true;
    this.#durableBytes += commit.sizeBytes;
    this.#options.onSynced?.(this.#durableBytes);
    commit.resolveSynced();
  }

  async #open(): Promise<AppendHandle> {
    const handle = await this.#options.disk.openForAppend(this.path);
    await this.#options.disk.syncFolder(dirname(this.path));
    return handle;
  }

  async #takeBack(commit: PendingCommit, error: unknown): Promise<void> {
    try {
      await this.#handle?.truncate(this.#durableBytes);
    } catch (failure) {
      this.#die(failure);
    }
    const queued = this.#pending;
    this.#pending = undefined;
    this.#appendedBytes = this.#durableBytes;
    this.#options.onRefused?.(error);
    commit.reject(error);
    queued?.reject(error);
  }

  #die(error: unknown): void {
    this.#fatal = { error };
    this.#options.onFatal(error);
  }
}

function newCommit(): PendingCommit {
  const written = deferred<undefined>();
  const synced = deferred<undefined>();
  return {
    buffers: [],
    sizeBytes: 0,
    written: written.promise,
    synced: synced.promise,
    resolveWritten: () => written.resolve(undefined),
    resolveSynced: () => synced.resolve(undefined),
    reject: (error) => {
      written.reject(error);
      synced.reject(error);
    },
  };
}

async function writeAll(handle: AppendHandle, buffers: readonly Buffer[], position: number) {
  let at = position;
  for (let first = 0; first < buffers.length; first += largestVector) {
    let rest = buffers.slice(first, first + largestVector);
    while (rest.length > 0) {
      const count = await handle.writev(rest, at);
      at += count;
      rest = withoutFirst(rest, count);
    }
  }
}

/** What is left of `buffers` after a write that took `count` bytes. */
function withoutFirst(buffers: Buffer[], count: number): Buffer[] {
  let index = 0;
  let rest = count;
  for (; index < buffers.length; index++) {
    const length = (buffers[index] as Buffer).length;
    if (rest < length) break;
    rest -= length;
  }
  const left = buffers.slice(index);
  if (rest > 0) left[0] = (left[0] as Buffer).subarray(rest);
  return left;
}
