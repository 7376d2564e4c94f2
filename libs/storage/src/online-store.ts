import { invalid } from '@flywheel/core';

export type OnlineStoreEntry = { key: Uint8Array; value: Uint8Array; order?: bigint };
export type CallOptions = { signal?: AbortSignal };
/** What is to stand where `value` stands; `index` is the place of its key in the call. */
export type Change = (value: Uint8Array | undefined, index: number) => Uint8Array;

/**
 * Values by key, read at prediction time. Keys and values are any bytes, within `limits`. Several stores share one
 * place, kept apart by their namespaces. Errors: `invalid_argument` beyond a limit, `unavailable` when the server is
 * away, `cancelled` by the signal.
 */
export type OnlineStore = AsyncDisposable & {
  readonly limits: { keyBytes: number; valueBytes: number };
  /** The values in the order of the keys; undefined where there is none. */
  getMany(keys: readonly Uint8Array[], options?: CallOptions): Promise<(Uint8Array | undefined)[]>;
  /**
   * Writes, and tells how many entries were written. An entry with an `order` (a signed 64-bit integer, such as an
   * event time in microseconds) replaces only a value whose order is lower or equal; a value without an order is replaced by any, and an
   * entry without one replaces any. Each entry is atomic, entries of one call with equal keys count in their order, and
   * the batch is durable when the promise resolves (on Redis: as durable as the server's own configuration).
   */
  put(entries: readonly OnlineStoreEntry[], options?: CallOptions): Promise<number>;
  /**
   * Replaces the value of each key by what `change` makes of it, atomically for each key: of changes at the same time,
   * in whatever process, none is lost. Equal keys count in their order. `change` may be asked again for a key that
   * another one changed meanwhile; when it throws, the keys before it may be changed. Durable as `put` is.
   */
  update(keys: readonly Uint8Array[], change: Change, options?: CallOptions): Promise<void>;
  /** Removes what is there; a later put with any order writes again. */
  delete(keys: readonly Uint8Array[], options?: CallOptions): Promise<void>;
  /**
   * The keys that begin with `prefix`, each at least once, in no promised order; one that is written or deleted
   * meanwhile may be missing.
   */
  keys(prefix: Uint8Array, options?: CallOptions): AsyncIterable<Uint8Array>;
};

/** The same for every adapter, so that what fits one fits the other. LMDB's keys end at 1978 bytes. */
export const onlineStoreLimits = Object.freeze({ keyBytes: 1024, valueBytes: 8 * 1024 * 1024 });

/** The bytes in front of every key: the namespace, then a zero byte, which no namespace holds. */
export function namespacePrefix(namespace: string): Buffer {
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(namespace))
    throw invalid('namespace', 'must be 1 to 64 letters, digits, dots, dashes or underscores');
  return Buffer.from(`${namespace}\0`);
}

export function checkKeys(keys: readonly Uint8Array[]): void {
  for (const [index, key] of keys.entries())
    if (key.length === 0 || key.length > onlineStoreLimits.keyBytes)
      throw invalid(`keys[${index}]`, `must have 1 to ${onlineStoreLimits.keyBytes} bytes`);
}

export function checkValue(value: Uint8Array, path: string): void {
  if (value.length > onlineStoreLimits.valueBytes)
    throw invalid(path, `must have at most ${onlineStoreLimits.valueBytes} bytes`);
}

export function checkEntries(entries: readonly OnlineStoreEntry[]): void {
  for (const [index, { key, value, order }] of entries.entries()) {
    if (key.length === 0 || key.length > onlineStoreLimits.keyBytes)
      throw invalid(`entries[${index}].key`, `must have 1 to ${onlineStoreLimits.keyBytes} bytes`);
    checkValue(value, `entries[${index}].value`);
    if (order !== undefined && BigInt.asIntN(64, order) !== order)
      throw invalid(`entries[${index}].order`, 'must be a signed 64-bit integer');
  }
}
