import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newId } from '@flywheel/core';
import type { ObjectStore } from './object-store.ts';

const trickyKeys = [
  'a b',
  'a%20b',
  'a+b',
  'a%b',
  'a#b',
  'a?b=c&d',
  'a.',
  'a..',
  '.a',
  'a:b*"<>|',
  'a\\b',
  "a'b",
  'Case',
  'case',
  'con',
  'é',
  'e\u0301',
  '日本語/データ 🙂',
  'long'.repeat(60),
  `${'ü'.repeat(120)}/${'x'.repeat(255)}`,
  'date=2001-01-01/part-0.parquet',
];

/** Every promise of `ObjectStore`. `make` opens the same place again and again; each test takes a fresh prefix. */
export function describeObjectStore(name: string, make: () => Promise<ObjectStore>): void {
  const fresh = async () => (await make()).scoped(newId());

  describe(`the object store on ${name}`, () => {
    it('gives back what it was given, and undefined for what is not there', async () => {
      const store = await fresh();

      const put = await store.put('models/m1/model.onnx', utf8('bytes'));

      expect(put).toEqual({ sizeBytes: 5, sha256: sha256(utf8('bytes')) });
      expect(text(await store.get('models/m1/model.onnx'))).toBe('bytes');
      expect(await store.stat('models/m1/model.onnx')).toMatchObject({ sizeBytes: 5 });
      expect(await store.get('models/m1/none')).toBeUndefined();
      expect(await store.stat('models/m1')).toBeUndefined();
      expect(await store.get('models/m1')).toBeUndefined();
      expect(await store.open('models/none')).toBeUndefined();
    });

    it('knows when an object was written', async () => {
      const store = await fresh();
      const beforeMs = Date.now();

      await store.put('k', utf8('x'));

      const { modifiedMs = 0 } = (await store.stat('k')) ?? {};
      // S3 counts whole seconds.
      expect(modifiedMs).toBeGreaterThan(beforeMs - 2_000);
      expect(modifiedMs).toBeLessThan(Date.now() + 2_000);
    });

    it('replaces an object, also by an empty one', async () => {
      const store = await fresh();
      await store.put('k', utf8('first'));

      await store.put('k', utf8('second'));
      expect(text(await store.get('k'))).toBe('second');

      await store.put('k', new Uint8Array());
      expect(await store.get('k')).toEqual(new Uint8Array());
      expect(await store.stat('k')).toMatchObject({ sizeBytes: 0 });
    });

    it('keeps keys apart that differ in any character', async () => {
      const store = await fresh();
      for (const key of trickyKeys) await store.put(key, utf8(key));

      for (const key of trickyKeys) expect(text(await store.get(key))).toBe(key);
      expect((await listed(store, '')).map(({ key }) => key)).toEqual(byBytes(trickyKeys));
    });

    it('keeps any keys apart (property)', async () => {
      const store = await fresh();
      const segment = fc
        .string({ unit: 'binary', minLength: 1, maxLength: 20 })
        .filter((part) => !/[/\u0000-\u001f\u007f\ufffe\uffff]|^\.\.?$/.test(part));
      // Every key is as deep, so that none is a folder of another.
      const key = fc.tuple(segment, segment).map((parts) => parts.join('/'));

      await fc.assert(
        fc.asyncProperty(fc.uniqueArray(key, { minLength: 1, maxLength: 6 }), async (keys) => {
          const own = store.scoped(newId());
          for (const each of keys) await own.put(each, utf8(each));

          for (const each of keys) expect(text(await own.get(each))).toBe(each);
          expect((await listed(own, '')).map((found) => found.key)).toEqual(byBytes(keys));
        }),
        { numRuns: 15 },
      );
    });

    it.each([
      '',
      '/a',
      'a/',
      'a//b',
      '.',
      '..',
      '../a',
      'a/../b',
      'a/./b',
      'a\0b',
      '\ud800',
      'a\nb',
      'a\u007f',
      'x'.repeat(256),
    ])('refuses %j as a key', async (key) => {
      const store = await fresh();
      const refused = { code: 'invalid_argument', details: { field: 'key' } };

      await expect(store.put(key, utf8('x'))).rejects.toMatchObject(refused);
      await expect(store.get(key)).rejects.toMatchObject(refused);
      await expect(store.delete(key)).rejects.toMatchObject(refused);
      await expect(store.localFile(key)).rejects.toMatchObject(refused);
    });

    it('takes one of twenty writers of a new object and refuses the others', async () => {
      const store = await fresh();

      const outcomes = await Promise.allSettled(
        Array.from({ length: 20 }, (_, writer) =>
          store.put('k', utf8(`writer ${writer}`), { ifAbsent: true }),
        ),
      );

      const winners = outcomes.flatMap(({ status }, writer) =>
        status === 'fulfilled' ? [writer] : [],
      );
      expect(winners).toHaveLength(1);
      expect(text(await store.get('k'))).toBe(`writer ${winners[0]}`);
      for (const outcome of outcomes)
        if (outcome.status === 'rejected')
          expect(outcome.reason).toMatchObject({
            code: 'conflict',
            details: { key: expect.any(String) as string },
          });
    });

    it('leaves an existing object alone when asked to write only a new one', async () => {
      const store = await fresh();
      await store.put('k', utf8('first'), { ifAbsent: true });

      await expect(store.put('k', utf8('second'), { ifAbsent: true })).rejects.toMatchObject({
        code: 'conflict',
      });
      await expect(
        store.put('k', bytesOf(12_000_000, 1_000_000), { ifAbsent: true }),
      ).rejects.toMatchObject({ code: 'conflict' });
      expect(text(await store.get('k'))).toBe('first');

      await store.delete('k');
      await store.put('k', utf8('third'), { ifAbsent: true });
      expect(text(await store.get('k'))).toBe('third');
    });

    it.each([0, 1, 5_242_879, 5_242_880, 5_242_881, 8_388_608, 12_000_000])(
      'stores a stream of %i bytes whole',
      async (size) => {
        const store = await fresh();

        const put = await store.put('stream.parquet', bytesOf(size, 65_537));

        const stored = await store.get('stream.parquet');
        expect(put.sizeBytes).toBe(size);
        expect(stored?.length).toBe(size);
        expect(sha256(stored as Uint8Array)).toBe(put.sha256);
        expect(await store.stat('stream.parquet')).toMatchObject({ sizeBytes: size });
      },
    );

    it.each([100_000, 20_000_000])(
      'leaves nothing of a stream that fails after %i bytes, and what was there as it was',
      async (size) => {
        const store = await fresh();
        await store.put('old', utf8('old'));

        await expect(store.put('new', failing(size))).rejects.toThrow('source broke');
        await expect(store.put('old', failing(size))).rejects.toThrow('source broke');

        expect(await listed(store, '')).toEqual([
          { key: 'old', sizeBytes: 3, modifiedMs: expect.any(Number) as number },
        ]);
        expect(text(await store.get('old'))).toBe('old');
      },
    );

    it('stops a write whose signal fires, and stores nothing', async () => {
      const store = await fresh();
      const abort = new AbortController();
      async function* body() {
        for await (const chunk of bytesOf(20_000_000, 1_000_000)) {
          yield chunk;
          abort.abort();
        }
      }

      await expect(store.put('k', body(), { signal: abort.signal })).rejects.toMatchObject({
        code: 'cancelled',
      });
      await expect(
        store.put('k', utf8('x'), { signal: AbortSignal.abort() }),
      ).rejects.toMatchObject({ code: 'cancelled' });
      expect(await store.stat('k')).toBeUndefined();
    });

    it('streams an object, or a range of it', async () => {
      const store = await fresh();
      await store.put('k', utf8('0123456789'));
      const read = async (range?: { start: number; end?: number }) => {
        const opened = await store.open('k', range ? { range } : {});
        return [opened?.sizeBytes, opened && (await buffer(opened.body)).toString()];
      };

      expect(await read()).toEqual([10, '0123456789']);
      expect(await read({ start: 3 })).toEqual([10, '3456789']);
      expect(await read({ start: 3, end: 5 })).toEqual([10, '345']);
      expect(await read({ start: 0, end: 0 })).toEqual([10, '0']);
      expect(await read({ start: 8, end: 100 })).toEqual([10, '89']);
      await expect(read({ start: 10 })).rejects.toMatchObject({ code: 'invalid_argument' });
      await expect(read({ start: 5, end: 4 })).rejects.toMatchObject({ code: 'invalid_argument' });
      await expect(read({ start: -1 })).rejects.toMatchObject({ code: 'invalid_argument' });
    });

    it('lists by a prefix of text, in the byte order of UTF-8', async () => {
      const store = await fresh();
      const keys = ['a-b', 'a/b', 'a/b-c/d', 'a/b0', 'a0', 'b', 'ab', '\uFF5E', '\u{1F642}', 'ä/x'];
      // 'a/b' is not a folder here: 'a/b-c/d' lies beside it.
      for (const key of keys) await store.put(key, utf8(key));
      const keysBelow = async (prefix: string) =>
        (await listed(store, prefix)).map(({ key }) => key);

      expect(await keysBelow('')).toEqual(byBytes(keys));
      expect(await keysBelow('a')).toEqual(byBytes(keys.filter((key) => key.startsWith('a'))));
      expect(await keysBelow('a/')).toEqual(['a/b', 'a/b-c/d', 'a/b0']);
      expect(await keysBelow('a/b')).toEqual(['a/b', 'a/b-c/d', 'a/b0']);
      expect(await keysBelow('a/b-c/d')).toEqual(['a/b-c/d']);
      expect(await keysBelow('none/')).toEqual([]);
      expect(await keysBelow('a//')).toEqual([]);
      expect(await listed(store, 'a0')).toEqual([
        { key: 'a0', sizeBytes: 2, modifiedMs: expect.any(Number) as number },
      ]);
    });

    it('lists more than a page', async () => {
      const store = await fresh();
      const keys = Array.from(
        { length: 1100 },
        (_, index) => `p/${String(index).padStart(5, '0')}`,
      );
      for (let at = 0; at < keys.length; at += 50)
        await Promise.all(keys.slice(at, at + 50).map((key) => store.put(key, utf8('x'))));

      expect((await listed(store, 'p/')).map(({ key }) => key)).toEqual(keys);
    });

    it('deletes an object, and does not mind when there is none', async () => {
      const store = await fresh();
      await store.put('a/b/c', utf8('x'));
      await store.put('a/d', utf8('y'));

      await store.delete('a/b/c');
      await store.delete('a/b/c');
      await store.delete('a/b');

      expect((await listed(store, '')).map(({ key }) => key)).toEqual(['a/d']);
      await store.put('a/b', utf8('now an object'));
      expect(text(await store.get('a/b'))).toBe('now an object');
    });

    it('survives writes and deletes in one folder at once', async () => {
      const store = await fresh();

      await Promise.all(
        Array.from({ length: 40 }, async (_, index) => {
          await store.put(`deep/er/${index}`, utf8('x'));
          await store.delete(`deep/er/${index}`);
        }),
      );

      expect(await listed(store, '')).toEqual([]);
    });

    it('gives a local file with the bytes of an object', async () => {
      const store = await fresh();
      await store.put('data/part 0.parquet', utf8('columns'));

      const path = await store.localFile('data/part 0.parquet');

      expect(await readFile(path, 'utf8')).toBe('columns');
      expect(path).toMatch(/\.parquet$/);
      expect(await store.localFile('data/part 0.parquet')).toBe(path);
      await expect(store.localFile('data/none')).rejects.toMatchObject({ code: 'not_found' });
    });

    it('gives a scope that sees only itself', async () => {
      const store = await fresh();
      const inner = store.scoped('tracking').scoped('artifacts');
      await store.put('tracking-other/k', utf8('other'));
      await inner.put('run/k', utf8('mine'));

      expect((await listed(inner, '')).map(({ key }) => key)).toEqual(['run/k']);
      expect((await listed(inner, 'ru')).map(({ key }) => key)).toEqual(['run/k']);
      expect(text(await store.get('tracking/artifacts/run/k'))).toBe('mine');
      await expect(inner.get('../../tracking-other/k')).rejects.toMatchObject({
        code: 'invalid_argument',
      });
      expect(() => store.scoped('a/../b')).toThrow('prefix');
    });
  });
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function text(bytes: Uint8Array | undefined): string | undefined {
  return bytes && new TextDecoder().decode(bytes);
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function byBytes(keys: readonly string[]): string[] {
  return [...keys].sort((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)));
}

/** `size` bytes that repeat nowhere near, in chunks of `chunk`. */
async function* bytesOf(size: number, chunk: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < size; at += chunk) {
    const bytes = new Uint8Array(Math.min(chunk, size - at));
    for (let index = 0; index < bytes.length; index++)
      bytes[index] = ((at + index) * 2654435761) >>> 24;
    yield await Promise.resolve(bytes);
  }
}

async function* failing(size: number): AsyncGenerator<Uint8Array> {
  yield* bytesOf(size, 50_000);
  throw new Error('source broke');
}

async function listed(store: ObjectStore, prefix: string) {
  const found: { key: string; sizeBytes: number; modifiedMs: number }[] = [];
  for await (const object of store.list(prefix)) found.push(object);
  return found;
}
