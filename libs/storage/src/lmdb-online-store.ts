import { mkdirSync, realpathSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type RootDatabase, open } from 'lmdb';
import { AppError } from '@flywheel/core';
import {
  type CallOptions,
  type Change,
  type OnlineStore,
  type OnlineStoreEntry,
  checkEntries,
  checkKeys,
  checkValue,
  namespacePrefix,
  onlineStoreLimits,
} from './online-store.ts';
import { mayReplace, packValue, unpackValue } from './ordered-value.ts';

type Environment = { database: RootDatabase<Buffer, Buffer>; users: number };

/** LMDB allows one environment per folder and process; the services of one process share it. */
const environments = new Map<string, Environment>();

const keysPerPage = 1000;

/**
 * An online store in `folder`, durable when a write resolves; a kill of the process leaves it whole. Several processes
 * may use one folder.
 */
export function openLmdbOnlineStore(options: { folder: string; namespace: string }): OnlineStore {
  const prefix = namespacePrefix(options.namespace);
  mkdirSync(options.folder, { recursive: true });
  return new LmdbOnlineStore(realpathSync(options.folder), prefix);
}

class LmdbOnlineStore implements OnlineStore {
  readonly limits = onlineStoreLimits;
  readonly #folder: string;
  readonly #prefix: Buffer;
  readonly #database: RootDatabase<Buffer, Buffer>;
  #closing: Promise<void> | undefined;

  constructor(folder: string, prefix: Buffer) {
    this.#folder = folder;
    this.#prefix = prefix;
    this.#database = acquire(folder);
  }

  /** LMDB reads at once. */
  getMany(
    keys: readonly Uint8Array[],
    { signal }: CallOptions = {},
  ): Promise<(Uint8Array | undefined)[]> {
    return new Promise((resolve) => {
      checkKeys(keys);
      this.#checkUsable(signal);
      resolve(
        keys.map((key) => {
          const packed = this.#database.getBinary(this.#stored(key));
          return packed && unpackValue(packed);
        }),
      );
    });
  }

  async put(entries: readonly OnlineStoreEntry[], { signal }: CallOptions = {}): Promise<number> {
    checkEntries(entries);
    this.#checkUsable(signal);
    return this.#write(() => {
      let written = 0;
      for (const { key, value, order } of entries) {
        const stored = this.#stored(key);
        if (!mayReplace(this.#database.getBinary(stored), order)) continue;
        void this.#database.put(stored, packValue(value, order));
        written++;
      }
      return written;
    });
  }

  async update(
    keys: readonly Uint8Array[],
    change: Change,
    { signal }: CallOptions = {},
  ): Promise<void> {
    checkKeys(keys);
    this.#checkUsable(signal);
    let refused: { error: unknown } | undefined;
    await this.#write(() => {
      for (const [index, key] of keys.entries()) {
        const stored = this.#stored(key);
        const packed = this.#database.getBinary(stored);
        try {
          const value = change(packed && unpackValue(packed), index);
          checkValue(value, `values[${index}]`);
          void this.#database.put(stored, packValue(value, undefined));
        } catch (error) {
          refused = { error };
          return;
        }
      }
    });
    if (refused) throw refused.error;
  }

  async delete(keys: readonly Uint8Array[], { signal }: CallOptions = {}): Promise<void> {
    checkKeys(keys);
    this.#checkUsable(signal);
    await this.#write(() => {
      for (const key of keys) void this.#database.remove(this.#stored(key));
    });
  }

  async *keys(prefix: Uint8Array, { signal }: CallOptions = {}): AsyncGenerator<Uint8Array> {
    const first = this.#stored(prefix);
    const end = successor(first);
    let start = first;
    let exclusiveStart = false;
    for (;;) {
      this.#checkUsable(signal);
      // A page at a time: a reader that waits for its consumer would keep old pages from being reused.
      const page = [...this.#database.getKeys({ start, end, exclusiveStart, limit: keysPerPage })];
      for (const key of page) yield new Uint8Array(key.subarray(this.#prefix.length));
      if (page.length < keysPerPage) return;
      await nextTurn();
      start = page.at(-1) as Buffer;
      exclusiveStart = true;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= release(this.#folder);
    return this.#closing;
  }

  async #write<T>(work: () => T): Promise<T> {
    try {
      const result = await this.#database.transaction(work);
      await this.#database.flushed;
      return result;
    } catch (cause) {
      throw new AppError('internal', 'could not write to the online store', { cause });
    }
  }

  #stored(key: Uint8Array): Buffer {
    return Buffer.concat([this.#prefix, key]);
  }

  #checkUsable(signal: AbortSignal | undefined): void {
    if (this.#closing) throw new Error('the online store is closed');
    if (signal?.aborted) throw new AppError('cancelled', 'cancelled', { cause: signal.reason });
  }
}

function acquire(folder: string): RootDatabase<Buffer, Buffer> {
  let environment = environments.get(folder);
  if (!environment) {
    const database = open<Buffer, Buffer>({
      path: folder,
      encoding: 'binary',
      keyEncoding: 'binary',
    });
    environment = { database, users: 0 };
    environments.set(folder, environment);
  }
  environment.users++;
  return environment.database;
}

async function release(folder: string): Promise<void> {
  const environment = environments.get(folder);
  if (!environment) return;
  environment.users--;
  if (environment.users > 0) return;
  environments.delete(folder);
  await environment.database.close();
}

/** The first key after all that begin with `prefix`; a namespace's prefix ends with a zero byte, so there is one. */
function successor(prefix: Buffer): Buffer {
  let length = prefix.length;
  while (prefix[length - 1] === 0xff) length--;
  const next = Buffer.from(prefix.subarray(0, length));
  next[length - 1] = (next[length - 1] as number) + 1;
  return next;
}
