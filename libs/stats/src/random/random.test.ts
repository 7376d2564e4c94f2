import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normalAt, poissonAt, randomAt, randomBitsAt } from './counter-random.ts';
import { fnv1a64, hash64, hashUniform } from './hash64.ts';
import { multiplyHigh, word64ToHex } from './word64.ts';

describe('counter-based random numbers', () => {
  it('are the published SplitMix64 stream', () => {
    expect([0, 1, 2].map((index) => word64ToHex(randomBitsAt(0, index)))).toEqual([
      'e220a8397b1dcdaf',
      '6e789e6aa1b965f4',
      '06c45d188009454f',
    ]);
    expect(BigInt(`0x${word64ToHex(randomBitsAt(1234567, 0))}`)).toBe(6457827717110365317n);
    expect(BigInt(`0x${word64ToHex(randomBitsAt(1234567, 1))}`)).toBe(3203168211198807973n);
  });

  it('agree with 64-bit integer arithmetic for any seed and index', () => {
    const mask = (1n << 64n) - 1n;
    const reference = (seed: bigint, index: bigint) => {
      let z = (seed + (index + 1n) * 0x9e3779b97f4a7c15n) & mask;
      z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & mask;
      z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & mask;
      return z ^ (z >> 31n);
    };

    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.maxSafeNat(), (seed, index) => {
        if (index === Number.MAX_SAFE_INTEGER) return;
        const bits = BigInt(`0x${word64ToHex(randomBitsAt(seed, index))}`);
        expect(bits).toBe(reference(BigInt(seed) & mask, BigInt(index)));
      }),
    );
  });

  it('multiply 32-bit halves exactly', () => {
    fc.assert(
      fc.property(fc.nat(0xffffffff), fc.nat(0xffffffff), (a, b) => {
        expect(BigInt(multiplyHigh(a, b))).toBe((BigInt(a) * BigInt(b)) >> 32n);
      }),
    );
  });

  it('differ by every index and look uniform', () => {
    const draws = Array.from({ length: 20_000 }, (_, at) => randomAt(7, at % 100, at));
    const bins = new Array<number>(20).fill(0);
    for (const draw of draws) bins[Math.floor(draw * 20)]! += 1;

    expect(new Set(draws).size).toBe(draws.length);
    for (const bin of bins) expect(Math.abs(bin - 1000)).toBeLessThan(5 * Math.sqrt(950));
    expect(randomAt(7, 1, 2)).not.toBe(randomAt(7, 2, 1));
  });

  it('give normals and Poisson weights of the right moments', () => {
    const size = 20_000;
    const normal = Array.from({ length: size }, (_, at) => normalAt(3, at));
    const poisson = Array.from({ length: size }, (_, at) => poissonAt(4, at));
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / size;

    expect(Math.abs(mean(normal))).toBeLessThan(0.03);
    expect(Math.abs(mean(normal.map((value) => value * value)) - 1)).toBeLessThan(0.05);
    expect(Math.abs(mean(poisson) - 1)).toBeLessThan(0.03);
    expect(
      Math.abs(poisson.filter((value) => value === 0).length / size - Math.exp(-1)),
    ).toBeLessThan(0.015);
  });

  it('refuse indices and seeds that are no safe integers', () => {
    expect(() => randomAt(1, -1)).toThrow('indices');
    expect(() => randomAt(0.5, 1)).toThrow('seed');
  });
});

describe('hash of a text', () => {
  it('begins as the published FNV-1a', () => {
    expect(['', 'a', 'foobar'].map((text) => word64ToHex(fnv1a64(text)))).toEqual([
      'cbf29ce484222325',
      'af63dc4c8601ec8c',
      '85944171f73967e8',
    ]);
  });

  it('takes the UTF-8 bytes of any text', () => {
    const anyText = fc.array(fc.nat(0xffff)).map((units) => String.fromCharCode(...units));
    const reference = (text: string) => {
      let hash = 0xcbf29ce484222325n;
      for (const byte of Buffer.from(text, 'utf8'))
        hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & ((1n << 64n) - 1n);
      return hash.toString(16).padStart(16, '0');
    };

    fc.assert(
      fc.property(anyText, (text) => {
        expect(word64ToHex(fnv1a64(text))).toBe(reference(text));
      }),
    );
  });

  it('spreads similar ids evenly', () => {
    const places = Array.from({ length: 10_000 }, (_, at) => hashUniform(`user-${at}`));

    expect(Math.abs(places.filter((place) => place < 0.1).length - 1000)).toBeLessThan(150);
    expect(hash64('user-1')).toEqual(hash64('user-1'));
  });
});
