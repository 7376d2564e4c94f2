import { createHash } from 'node:crypto';
import { AppError } from '@flywheel/core';
import {
  type CallOptions,
  type Change,
  type OnlineStore,
  type OnlineStoreEntry,
  checkEntries,
  checkKeys,
  checkValue,
  onlineStoreLimits,
} from './online-store.ts';
import { packValue, unpackValue } from './ordered-value.ts';
import type { RedisCommand, RedisConnection } from './redis-connection.ts';
import { toRedisError } from './redis-errors.ts';

/** Commands sent before the answers are awaited: enough to hide the way there and back. */
const commandsPerBatch = 1000;
const bytesPerBatch = 16 * 1024 * 1024;
const keysPerScan = '1000';

export class RedisOnlineStore implements OnlineStore {
  readonly limits = onlineStoreLimits;
  readonly #connection: RedisConnection;
  readonly #prefix: Buffer;
  #isClosed = false;

  constructor(connection: RedisConnection, prefix: Buffer) {
    this.#connection = connection;
    this.#prefix = prefix;
  }

  async getMany(
    keys: readonly Uint8Array[],
    { signal }: CallOptions = {},
  ): Promise<(Uint8Array | undefined)[]> {
    checkKeys(keys);
    const answers = await this.#runAll(
      keys.map((key) => ['get', this.#stored(key)]),
      signal,
    );
    return answers.map((packed) => (Buffer.isBuffer(packed) ? unpackValue(packed) : undefined));
  }

  async put(entries: readonly OnlineStoreEntry[], { signal }: CallOptions = {}): Promise<number> {
    checkEntries(entries);
    const answers = await this.#runAll(
      entries.map(({ key, value, order }) => [
        order === undefined ? 'set' : 'putOrdered',
        this.#stored(key),
        packValue(value, order),
      ]),
      signal,
    );
    return answers.filter((answer) => answer !== 0).length;
  }

  async update(
    keys: readonly Uint8Array[],
    change: Change,
    options: CallOptions = {},
  ): Promise<void> {
    checkKeys(keys);
    let due = keys.map((key, index) => ({ stored: this.#stored(key), index }));
    while (due.length > 0) {
      const before = await this.#runAll(
        due.map(({ stored }) => ['get', stored]),
        options.signal,
      );
      const replaced = await this.#runAll(
        due.map(({ stored, index }, place) => {
          const packed = before[place];
          const isThere = Buffer.isBuffer(packed);
          const value = change(isThere ? unpackValue(packed) : undefined, index);
          checkValue(value, `values[${index}]`);
          return ['putUnchanged', stored, packValue(value, undefined), isThere ? sha1(packed) : ''];
        }),
        options.signal,
      );
      due = due.filter((_, place) => replaced[place] === 0);
    }
  }

  async delete(keys: readonly Uint8Array[], { signal }: CallOptions = {}): Promise<void> {
    checkKeys(keys);
    await this.#runAll(
      keys.map((key) => ['unlink', this.#stored(key)]),
      signal,
    );
  }

  async *keys(prefix: Uint8Array, { signal }: CallOptions = {}): AsyncGenerator<Uint8Array> {
    const pattern = Buffer.concat([escapeGlob(this.#stored(prefix)), Buffer.from('*')]);
    for (const master of this.#connection.masters()) {
      let cursor = '0';
      do {
        this.#checkUsable(signal);
        const [next, found] = (await master
          .callBuffer('SCAN', cursor, 'MATCH', pattern, 'COUNT', keysPerScan)
          .catch(rethrow)) as [Buffer, Buffer[]];
        for (const key of found) yield new Uint8Array(key.subarray(this.#prefix.length));
        cursor = next.toString();
      } while (cursor !== '0');
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#connection.close();
    return Promise.resolve();
  }

  async #runAll(
    commands: readonly RedisCommand[],
    signal: AbortSignal | undefined,
  ): Promise<unknown[]> {
    this.#checkUsable(signal);
    const answers: unknown[] = [];
    for (const batch of batchesOf(commands)) {
      this.#checkUsable(signal);
      answers.push(...(await this.#connection.runAll(batch).catch(rethrow)));
    }
    return answers;
  }

  #stored(key: Uint8Array): Buffer {
    return Buffer.concat([this.#prefix, key]);
  }

  #checkUsable(signal: AbortSignal | undefined): void {
    if (this.#isClosed) throw new Error('the online store is closed');
    if (signal?.aborted) throw new AppError('cancelled', 'cancelled', { cause: signal.reason });
  }
}

function* batchesOf(commands: readonly RedisCommand[]): Generator<RedisCommand[]> {
  let batch: RedisCommand[] = [];
  let bytes = 0;
  for (const command of commands) {
    batch.push(command);
    bytes += command.reduce((sum, part) => sum + part.length, 0);
    if (batch.length < commandsPerBatch && bytes < bytesPerBatch) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}

function rethrow(error: unknown): never {
  throw toRedisError(error);
}

function sha1(bytes: Buffer): string {
  return createHash('sha1').update(bytes).digest('hex');
}

/** The bytes of a key as a pattern that matches just them: * ? [ ] \ ^ - are escaped. */
function escapeGlob(bytes: Buffer): Buffer {
  const special = new Set(Buffer.from('*?[]\\^-'));
  return Buffer.from([...bytes].flatMap((byte) => (special.has(byte) ? [0x5c, byte] : [byte])));
}
