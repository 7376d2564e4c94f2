import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import {
  type FileHandle,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  realpath,
  rename,
  rm,
  rmdir,
  stat,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { AppError, invalid, newId } from '@flywheel/core';
import { checkKey, fromFileNames, goesOn, toFileNames } from './object-keys.ts';
import {
  type ObjectBody,
  type ObjectRange,
  type ObjectStat,
  type ObjectStore,
  type PutOptions,
  checkRange,
} from './object-store.ts';
import type { CallOptions } from './online-store.ts';
import { scopeObjectStore } from './scoped-object-store.ts';

/** What a killed writer has left in `incoming` may go after this long. */
const abandonedMs = 24 * 60 * 60 * 1000;
const putAttempts = 5;

/** Objects as files below `<folder>/objects`; `<folder>/incoming` holds what is being written. */
export async function openFileObjectStore(options: { folder: string }): Promise<ObjectStore> {
  await mkdir(join(options.folder, 'objects'), { recursive: true });
  await mkdir(join(options.folder, 'incoming'), { recursive: true });
  const folder = await realpath(options.folder);
  await removeAbandoned(join(folder, 'incoming'));
  return new FileObjectStore(folder);
}

class FileObjectStore implements ObjectStore {
  readonly #objects: string;
  readonly #incoming: string;

  constructor(folder: string) {
    this.#objects = join(folder, 'objects');
    this.#incoming = join(folder, 'incoming');
  }

  async put(
    key: string,
    body: ObjectBody,
    options: PutOptions = {},
  ): Promise<{ sizeBytes: number; sha256: string }> {
    const target = this.#pathOf(key);
    throwIfAborted(options.signal);
    if (options.ifAbsent && (await this.stat(key))) throw alreadyThere(key);
    const incoming = join(this.#incoming, `${process.pid}-${newId()}`);
    try {
      const written = await writeDurably(incoming, body, options.signal);
      await this.#place(incoming, target, { key, ifAbsent: options.ifAbsent ?? false });
      return written;
    } catch (error) {
      throw toFileError(error, key);
    } finally {
      await rm(incoming, { force: true });
    }
  }

  async get(key: string, { signal }: CallOptions = {}): Promise<Uint8Array | undefined> {
    await using file = await this.#openFile(key, signal);
    if (!file) return undefined;
    const bytes = await file.handle.readFile();
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  async open(
    key: string,
    options: CallOptions & { range?: ObjectRange } = {},
  ): Promise<{ sizeBytes: number; body: Readable } | undefined> {
    const { range, signal } = options;
    checkRange(range);
    const file = await this.#openFile(key, signal);
    if (!file) return undefined;
    const { handle, sizeBytes } = file;
    if (range && range.start >= sizeBytes) {
      await handle.close();
      throw invalid('range', 'must start within the object', { sizeBytes });
    }
    const body = handle.createReadStream({ ...range, ...(signal ? { signal } : {}) });
    return { sizeBytes, body };
  }

  async stat(key: string, { signal }: CallOptions = {}): Promise<ObjectStat | undefined> {
    const path = this.#pathOf(key);
    throwIfAborted(signal);
    await this.#refuseLinks(path, key);
    const found = await absentOr(lstat(path));
    if (!found?.isFile()) return undefined;
    return { sizeBytes: found.size, modifiedMs: Math.floor(found.mtimeMs) };
  }

  async *list(
    prefix: string,
    { signal }: CallOptions = {},
  ): AsyncGenerator<{ key: string } & ObjectStat> {
    const slash = prefix.lastIndexOf('/');
    const folderKey = slash < 0 ? undefined : prefix.slice(0, slash);
    if (folderKey !== undefined && !isKey(folderKey)) return;
    const folder = folderKey === undefined ? this.#objects : this.#pathOf(folderKey);
    await this.#refuseLinks(join(folder, 'x'), prefix);
    yield* walk(folder, prefix.slice(0, slash + 1), prefix.slice(slash + 1), signal);
  }

  async delete(key: string, { signal }: CallOptions = {}): Promise<void> {
    const path = this.#pathOf(key);
    throwIfAborted(signal);
    await this.#refuseLinks(path, key);
    const found = await absentOr(lstat(path));
    if (!found?.isFile()) return;
    await rm(path, { force: true });
    await syncFolder(dirname(path));
    await this.#removeEmptyFolders(dirname(path));
  }

  async localFile(key: string, options: CallOptions = {}): Promise<string> {
    if (!(await this.stat(key, options)))
      throw new AppError('not_found', 'there is no such object', { details: { key } });
    return this.#pathOf(key);
  }

  scoped(prefix: string): ObjectStore {
    return scopeObjectStore(this, prefix);
  }

  #pathOf(key: string): string {
    checkKey(key);
    return join(this.#objects, ...key.split('/').flatMap(toFileNames));
  }

  /** A delete may take the folder away between the two steps, so they are tried again. */
  async #place(from: string, to: string, how: { key: string; ifAbsent: boolean }): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      await this.#refuseLinks(to, how.key);
      const firstNew = await mkdir(dirname(to), { recursive: true });
      try {
        if (how.ifAbsent) await link(from, to);
        else await rename(from, to);
      } catch (error) {
        const code = codeOf(error);
        if (code === 'EEXIST') throw alreadyThere(how.key);
        if (code === 'ENOENT' && attempt < putAttempts) continue;
        throw error;
      }
      const top = firstNew === undefined ? dirname(to) : dirname(firstNew);
      for (let folder = dirname(to); ; folder = dirname(folder)) {
        await syncFolder(folder);
        if (folder === top) return;
      }
    }
  }

  async #openFile(
    key: string,
    signal: AbortSignal | undefined,
  ): Promise<({ handle: FileHandle; sizeBytes: number } & AsyncDisposable) | undefined> {
    const path = this.#pathOf(key);
    throwIfAborted(signal);
    await this.#refuseLinks(path, key);
    const handle = await absentOr(open(path, constants.O_RDONLY | constants.O_NOFOLLOW));
    if (!handle) return undefined;
    const found = await handle.stat();
    if (!found.isFile()) {
      await handle.close();
      return undefined;
    }
    return { handle, sizeBytes: found.size, [Symbol.asyncDispose]: () => handle.close() };
  }

  /** Nothing on the way from the store's folder to `path` may be a symbolic link: it could lead anywhere. */
  async #refuseLinks(path: string, key: string): Promise<void> {
    const parent = dirname(path);
    const real = await absentOr(realpath(parent));
    if (real === parent) return;
    for (let folder = parent; folder.length > this.#objects.length; folder = dirname(folder)) {
      const found = await absentOr(lstat(folder));
      if (found?.isSymbolicLink())
        throw new AppError('permission_denied', 'a link leads out of the object store', {
          details: { key },
        });
    }
  }

  async #removeEmptyFolders(from: string): Promise<void> {
    for (let folder = from; folder.length > this.#objects.length; folder = dirname(folder)) {
      try {
        await rmdir(folder);
      } catch {
        return; // not empty, or somebody else was quicker
      }
    }
  }
}

/** The objects below `folder` whose name there begins with `start`, in the byte order of their keys. */
async function* walk(
  folder: string,
  folderKey: string,
  start: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<{ key: string } & ObjectStat> {
  throwIfAborted(signal);
  const entries = (await readSegments(folder, [])).filter(({ segment }) =>
    segment.startsWith(start),
  );
  // A folder sorts as if its slash were written: 'a-b' comes before 'a/b'.
  entries.sort((left, right) => Buffer.compare(left.sortKey, right.sortKey));
  for (const { segment, path, isFolder } of entries) {
    if (isFolder) {
      yield* walk(path, `${folderKey}${segment}/`, '', signal);
      continue;
    }
    const found = await absentOr(lstat(path));
    if (found?.isFile())
      yield {
        key: `${folderKey}${segment}`,
        sizeBytes: found.size,
        modifiedMs: Math.floor(found.mtimeMs),
      };
  }
}

type Entry = { segment: string; path: string; isFolder: boolean; sortKey: Buffer };

/** The segments in a folder; those too long for one name are found in the folders that go on. */
async function readSegments(folder: string, before: readonly string[]): Promise<Entry[]> {
  const found = (await absentOr(readdir(folder, { withFileTypes: true }))) ?? [];
  const entries: Entry[] = [];
  for (const entry of found) {
    const path = join(folder, entry.name);
    const isFolder = entry.isDirectory();
    if (isFolder && goesOn(entry.name)) {
      entries.push(...(await readSegments(path, [...before, entry.name])));
      continue;
    }
    const segment = fromFileNames([...before, entry.name]);
    if (segment === undefined || !(isFolder || entry.isFile())) continue;
    const sortKey = Buffer.from(isFolder ? `${segment}/` : segment);
    entries.push({ segment, path, isFolder, sortKey });
  }
  return entries;
}

async function writeDurably(
  path: string,
  body: ObjectBody,
  signal: AbortSignal | undefined,
): Promise<{ sizeBytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  await using file = await openNew(path);
  for await (const chunk of body instanceof Uint8Array ? [body] : body) {
    throwIfAborted(signal);
    hash.update(chunk);
    sizeBytes += chunk.length;
    await file.handle.writeFile(chunk);
  }
  throwIfAborted(signal);
  await file.handle.datasync();
  return { sizeBytes, sha256: hash.digest('hex') };
}

async function openNew(path: string): Promise<{ handle: FileHandle } & AsyncDisposable> {
  const handle = await open(path, 'wx');
  return { handle, [Symbol.asyncDispose]: () => handle.close() };
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await absentOr(open(folder, 'r'));
  if (!handle) return;
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function removeAbandoned(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const found = await absentOr(stat(path));
    if (found && Date.now() - found.mtimeMs > abandonedMs) await rm(path, { force: true });
  }
}

async function absentOr<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    const code = codeOf(error);
    // ENOTDIR: an object stands where the key has a folder; ELOOP: the name is a link.
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') return undefined;
    throw error;
  }
}

function isKey(key: string): boolean {
  try {
    checkKey(key);
    return true;
  } catch {
    return false;
  }
}

function toFileError(error: unknown, key: string): unknown {
  const code = codeOf(error);
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new AppError('resource_exhausted', 'the disk is full', {
      details: { key },
      cause: error,
    });
  if (code === 'EISDIR' || code === 'ENOTDIR' || code === 'EEXIST')
    return invalid('key', 'must not be a folder of another key', { key });
  return error;
}

function alreadyThere(key: string): AppError {
  return new AppError('conflict', 'the object exists', { details: { key } });
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new AppError('cancelled', 'cancelled', { cause: signal.reason });
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
}
