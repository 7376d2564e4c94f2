import { openLmdbOnlineStore } from './lmdb-online-store.ts';

/** A writer for a test to kill: puts one key after the other, with its number as order, and tells each that is durable. */
const [folder = '', namespace = ''] = process.argv.slice(2);
const store = openLmdbOnlineStore({ folder, namespace });
for (let n = 0; ; n++) {
  const value = new Uint8Array(2_000).fill(n % 251);
  await store.put(
    [0, 1, 2].map((part) => ({ key: Buffer.from(`${n}/${part}`), value, order: BigInt(n) })),
  );
  process.send?.(n);
}
