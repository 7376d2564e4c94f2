import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  array,
  boolean,
  bytes,
  int16,
  int32,
  int64,
  int8,
  nullableArray,
  nullableString,
  records,
  since,
  string,
  struct,
  until,
} from './codec.ts';
import { Reader } from './reader.ts';
import { Writer } from './writer.ts';

const everything = struct({
  tiny: int8,
  short: int16,
  int: int32,
  long: int64,
  flag: boolean,
  name: string,
  note: nullableString,
  blob: bytes,
  list: array(int32),
  maybe: nullableArray(string),
  added: since(2, int32, -7),
  removed: until(1, string, 'gone'),
  batches: records,
});
type Everything = Parameters<typeof everything.write>[1];

function written(value: Everything, version: number): Buffer {
  const to = new Writer();
  everything.write(to, value, version);
  return Buffer.concat(to.finish());
}

const values: fc.Arbitrary<Everything> = fc.record({
  tiny: fc.integer({ min: -128, max: 127 }),
  short: fc.integer({ min: -32_768, max: 32_767 }),
  int: fc.integer(),
  long: fc.maxSafeInteger(),
  flag: fc.boolean(),
  name: fc.string({ unit: 'grapheme' }),
  note: fc.option(fc.string()),
  blob: fc.uint8Array().map((content) => Buffer.from(content)),
  list: fc.array(fc.integer()),
  maybe: fc.option(fc.array(fc.string())),
  added: fc.integer(),
  removed: fc.string(),
  batches: fc.option(fc.uint8Array().map((content) => [Buffer.from(content)])),
});

describe('a codec', () => {
  it('reads what it wrote, field by field and by version', () => {
    fc.assert(
      fc.property(values, fc.integer({ min: 0, max: 3 }), (value, version) => {
        const frame = written(value, version);
        expect(frame.readInt32BE(0)).toBe(frame.length - 4);
        const from = new Reader(frame, 4);
        expect(everything.read(from, version)).toEqual({
          ...value,
          added: version >= 2 ? value.added : -7,
          removed: version <= 1 ? value.removed : 'gone',
        });
        expect(from.remaining).toBe(0);
      }),
    );
  });

  it('loses no byte where the frame outgrows its room, whatever is written there', () => {
    const value: Everything = {
      ...{
        tiny: -7,
        short: -300,
        int: 70_000,
        long: 2 ** 40,
        flag: true,
        name: 'name',
        note: null,
      },
      ...{ blob: Buffer.from('blob'), list: [1, 2, 3], maybe: ['a', 'b'], added: 9, removed: '' },
      batches: [Buffer.from('batch')],
    };
    for (let length = 440; length < 520; length++) {
      const to = new Writer();
      bytes.write(to, Buffer.alloc(length, 1), 0);
      everything.write(to, value, 2);
      const from = new Reader(Buffer.concat(to.finish()), 4);
      expect(bytes.read(from, 0)).toHaveLength(length);
      expect(everything.read(from, 2)).toEqual({ ...value, removed: 'gone' });
    }
  });

  it('refuses any frame that is cut short instead of inventing values', () => {
    fc.assert(
      fc.property(values, fc.nat(), (value, cut) => {
        const frame = written(value, 1);
        const shorter = frame.subarray(0, 4 + (cut % (frame.length - 4)));
        expect(() => everything.read(new Reader(shorter, 4), 1)).toThrow('request');
      }),
    );
  });

  it('does not allocate for a count that cannot be true', () => {
    const frame = Buffer.alloc(8);
    frame.writeInt32BE(0x7fff_ffff, 0);
    expect(() => array(int32).read(new Reader(frame), 0)).toThrow('longer than itself');
  });

  it('writes 64-bit numbers as they are defined', () => {
    for (const [value, hex] of [
      [-1, 'ffffffffffffffff'],
      [-2, 'fffffffffffffffe'],
      [2 ** 32 + 5, '0000000100000005'],
      [Number.MIN_SAFE_INTEGER, 'ffe0000000000001'],
    ] as const) {
      const to = new Writer();
      to.int64(value);
      expect(Buffer.concat(to.finish()).toString('hex', 4)).toBe(hex);
    }
  });
});
