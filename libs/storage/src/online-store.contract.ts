import { describe, expect, it } from 'vitest';
import { newId } from '@flywheel/core';
import type { OnlineStore, OnlineStoreEntry } from './online-store.ts';

/** Every promise of `OnlineStore`. `make` opens a store on one and the same place; each test takes a fresh namespace. */
export function describeOnlineStore(
  name: string,
  make: (options: { namespace: string }) => OnlineStore | Promise<OnlineStore>,
): void {
  const fresh = () => make({ namespace: newId() });

  describe(`the online store on ${name}`, () => {
    it('gives values in the order of the keys, and undefined for what is not there', async () => {
      await using store = await fresh();
      await store.put([entry('a', 'one'), entry('b', 'two')]);

      expect(
        (await store.getMany([utf8('b'), utf8('none'), utf8('a'), utf8('b')])).map(text),
      ).toEqual(['two', undefined, 'one', 'two']);
    });

    it('keeps bytes that are no text apart, as keys and as values', async () => {
      await using store = await fresh();
      const keys = [[0xef], [0xfe], [0xff], [0x00], [0xff, 0xfe, 0x00], [0xef, 0xbf, 0xbd]].map(
        (bytes) => Uint8Array.from(bytes),
      );

      await store.put(keys.map((key) => ({ key, value: key })));

      expect(await store.getMany(keys)).toEqual(keys);
      expect(await collect(store.keys(new Uint8Array()))).toEqual(keys.map(hex).sort());
    });

    it('keeps every 64-bit entity key apart', async () => {
      await using store = await fresh();
      const keys = [239n, 254n, 255n, -1n, 0n, 2n ** 63n - 1n].map(int64);

      await store.put(keys.map((key, index) => ({ key, value: utf8(String(index)) })));

      expect((await store.getMany(keys)).map(text)).toEqual(['0', '1', '2', '3', '4', '5']);
    });

    it('keeps namespaces apart, also where one begins with the other', async () => {
      const short = newId();
      await using store = await make({ namespace: short });
      await using longer = await make({ namespace: `${short}x` });
      await store.put([entry('k', 'short')]);
      await longer.put([entry('k', 'longer')]);

      await longer.delete([utf8('k')]);

      expect((await store.getMany([utf8('k')])).map(text)).toEqual(['short']);
      expect(await collect(longer.keys(new Uint8Array()))).toEqual([]);
      expect(await collect(store.keys(new Uint8Array()))).toEqual([hex(utf8('k'))]);
    });

    it('replaces a value by one of an equal or higher order only, and counts what it wrote', async () => {
      await using store = await fresh();

      expect(await store.put([entry('k', 'at 5', 5n)])).toBe(1);
      expect(await store.put([entry('k', 'at 4', 4n)])).toBe(0);
      expect((await store.getMany([utf8('k')])).map(text)).toEqual(['at 5']);
      expect(await store.put([entry('k', 'at 5, corrected', 5n)])).toBe(1);
      expect(await store.put([entry('k', 'at 6', 6n)])).toBe(1);
      expect((await store.getMany([utf8('k')])).map(text)).toEqual(['at 6']);
    });

    it('compares orders as numbers over the whole signed 64-bit range', async () => {
      await using store = await fresh();
      const orders = [
        -(2n ** 63n),
        -256n,
        -1n,
        0n,
        255n,
        256n,
        2n ** 53n,
        2n ** 53n + 1n,
        2n ** 63n - 1n,
      ];

      for (const [index, order] of orders.entries()) {
        expect(await store.put([entry('k', String(order), order)])).toBe(1);
        const lower = orders[index - 1];
        if (lower !== undefined) expect(await store.put([entry('k', 'stale', lower)])).toBe(0);
      }

      expect((await store.getMany([utf8('k')])).map(text)).toEqual([String(2n ** 63n - 1n)]);
    });

    it('lets a value without an order replace any and be replaced by any', async () => {
      await using store = await fresh();
      await store.put([entry('k', 'ordered', 9n)]);

      expect(await store.put([entry('k', 'plain')])).toBe(1);
      expect(await store.put([entry('k', 'low', -9n)])).toBe(1);
      expect((await store.getMany([utf8('k')])).map(text)).toEqual(['low']);
    });

    it('takes the entries of one call in their order', async () => {
      await using store = await fresh();

      const written = await store.put([
        entry('k', 'b', 2n),
        entry('k', 'a', 1n),
        entry('k', 'c', 2n),
      ]);

      expect(written).toBe(2);
      expect((await store.getMany([utf8('k')])).map(text)).toEqual(['c']);
    });

    it('keeps the highest order when many write at once', async () => {
      await using store = await fresh();
      await using another = await make({ namespace: newId() });
      const orders = Array.from({ length: 200 }, (_, index) => BigInt((index * 7919) % 200));

      await Promise.all(
        orders
          .map((order) => store.put([entry('k', String(order), order)]))
          .concat(orders.map((order) => another.put([entry('k', String(order), order)]))),
      );

      expect((await store.getMany([utf8('k')])).map(text)).toEqual(['199']);
      expect((await another.getMany([utf8('k')])).map(text)).toEqual(['199']);
    });

    it('loses no change when many change the same keys at once, also through several stores', async () => {
      const namespace = newId();
      await using store = await make({ namespace });
      await using another = await make({ namespace });
      const keys = ['a', 'b', 'c'].map(utf8);
      const append = (target: OnlineStore, letter: string) =>
        target.update(keys, (value) => utf8(`${text(value) ?? ''}${letter}`));

      await Promise.all(
        Array.from({ length: 40 }, (_, index) => append(index % 2 ? store : another, 'x')),
      );

      expect((await store.getMany(keys)).map(text)).toEqual(keys.map(() => 'x'.repeat(40)));
    });

    it('changes each value by the place of its key, one after the other where keys are equal', async () => {
      await using store = await fresh();
      await store.put([entry('a', 'a', 7n)]);

      await store.update(['a', 'b', 'a'].map(utf8), (value, index) =>
        utf8(`${text(value) ?? 'none'}${index}`),
      );

      expect((await store.getMany(['a', 'b'].map(utf8))).map(text)).toEqual(['a02', 'none1']);
      expect(await store.put([entry('a', 'no order is left', -1n)])).toBe(1);
    });

    it('changes nothing when a change throws or a value is too large', async () => {
      await using store = await fresh();
      await store.put([entry('a', 'before')]);
      const refuse = () => {
        throw new Error('refused');
      };
      const tooLarge = new Uint8Array(store.limits.valueBytes + 1);

      await expect(store.update([utf8('a')], refuse)).rejects.toThrow('refused');
      await expect(store.update([utf8('a')], () => tooLarge)).rejects.toMatchObject({
        code: 'invalid_argument',
      });

      expect((await store.getMany([utf8('a')])).map(text)).toEqual(['before']);
    });

    it('forgets a deleted key with its order, and deletes what is not there', async () => {
      await using store = await fresh();
      await store.put([entry('k', 'old', 9n)]);

      await store.delete([utf8('k'), utf8('none')]);

      expect(await store.getMany([utf8('k')])).toEqual([undefined]);
      expect(await store.put([entry('k', 'new', 1n)])).toBe(1);
    });

    it('lists the keys that begin with a prefix, whatever bytes it has', async () => {
      await using store = await fresh();
      const keys = ['a', 'a*', 'a?b', 'a[x]', 'a\\', 'ab', 'b', '-'].map(utf8);
      const high = [
        Uint8Array.from([0xff]),
        Uint8Array.from([0xff, 0xff]),
        Uint8Array.from([0xff, 0]),
      ];
      await store.put([...keys, ...high].map((key) => ({ key, value: key })));
      const listed = async (prefix: Uint8Array) => collect(store.keys(prefix));

      expect(await listed(utf8('a'))).toEqual(
        ['a', 'a*', 'a?b', 'a[x]', 'a\\', 'ab'].map(utf8).map(hex).sort(),
      );
      expect(await listed(utf8('a*'))).toEqual([hex(utf8('a*'))]);
      expect(await listed(utf8('a['))).toEqual([hex(utf8('a[x]'))]);
      expect(await listed(Uint8Array.from([0xff]))).toEqual(high.map(hex).sort());
      expect(await listed(Uint8Array.from([0xff, 0xff]))).toEqual(['ffff']);
      expect(await listed(utf8('nothing'))).toEqual([]);
    });

    it('lists thousands of keys', async () => {
      await using store = await fresh();
      const count = 3500;
      await store.put(Array.from({ length: count }, (_, index) => entry(`key ${index}`, 'x')));

      expect(new Set(await collect(store.keys(utf8('key ')))).size).toBe(count);
    });

    it('takes keys and values up to its limits, and none beyond', async () => {
      await using store = await fresh();
      const { keyBytes, valueBytes } = store.limits;
      const key = new Uint8Array(keyBytes).fill(0xff);
      const value = new Uint8Array(valueBytes).fill(7);

      await store.put([{ key, value }, entry('empty', '')]);

      const [largest, empty] = await store.getMany([key, utf8('empty')]);
      expect(largest?.length).toBe(valueBytes);
      expect(empty?.length).toBe(0);
      await expect(
        store.put([{ key: new Uint8Array(keyBytes + 1), value: utf8('x') }]),
      ).rejects.toMatchObject({ code: 'invalid_argument', details: { field: 'entries[0].key' } });
      await expect(
        store.put([entry('ok', 'x'), { key: utf8('k'), value: new Uint8Array(valueBytes + 1) }]),
      ).rejects.toMatchObject({ code: 'invalid_argument', details: { field: 'entries[1].value' } });
      await expect(store.getMany([new Uint8Array()])).rejects.toMatchObject({
        code: 'invalid_argument',
      });
      await expect(store.put([entry('k', 'x', 2n ** 63n)])).rejects.toMatchObject({
        details: { field: 'entries[0].order' },
      });
      expect(await store.getMany([utf8('ok')])).toEqual([undefined]);
    });

    it('does nothing for nothing', async () => {
      await using store = await fresh();

      expect(await store.getMany([])).toEqual([]);
      expect(await store.put([])).toBe(0);
      await store.delete([]);
    });

    it('refuses a call whose signal has fired', async () => {
      await using store = await fresh();
      const options = { signal: AbortSignal.abort() };

      await expect(store.getMany([utf8('k')], options)).rejects.toMatchObject({
        code: 'cancelled',
      });
      await expect(store.put([entry('k', 'x')], options)).rejects.toMatchObject({
        code: 'cancelled',
      });
      expect(await store.getMany([utf8('k')])).toEqual([undefined]);
    });

    it('is read again by the next one to open it', async () => {
      const namespace = newId();
      {
        await using store = await make({ namespace });
        await store.put([entry('k', 'kept', 3n)]);
      }
      await using store = await make({ namespace });

      expect((await store.getMany([utf8('k')])).map(text)).toEqual(['kept']);
      expect(await store.put([entry('k', 'stale', 2n)])).toBe(0);
    });
  });
}

function entry(key: string, value: string, order?: bigint): OnlineStoreEntry {
  return { key: utf8(key), value: utf8(value), ...(order === undefined ? {} : { order }) };
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function text(bytes: Uint8Array | undefined): string | undefined {
  return bytes && new TextDecoder().decode(bytes);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function int64(value: bigint): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return new Uint8Array(bytes);
}

/** The keys as hex, each once and sorted, as listing promises neither. */
async function collect(keys: AsyncIterable<Uint8Array>): Promise<string[]> {
  const found = new Set<string>();
  for await (const key of keys) found.add(hex(key));
  return [...found].sort();
}
