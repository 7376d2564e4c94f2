import { openFileObjectStore } from './file-object-store.ts';

/** A writer for a test to kill: overwrites one object and adds others, each filled with one byte, and tells what stands. */
const [folder = ''] = process.argv.slice(2);
const store = await openFileObjectStore({ folder });
for (let n = 0; ; n++) {
  async function* body() {
    for (let chunk = 0; chunk < 40; chunk++)
      yield await Promise.resolve(new Uint8Array(5_000).fill(n % 251));
  }
  await store.put('same', body());
  await store.put(`new/${n}`, body(), { ifAbsent: true });
  process.send?.(n);
}
