import { describe, expect, it } from 'vitest';
import { float16ToNumber, numberToFloat16 } from './float16.ts';
import { elementCount } from './tensor.ts';

describe('an element count', () => {
  it.each([
    [[], 1],
    [[0, 30], 0],
    [[2, 3, 4], 24],
    [[94906265, 94906265], 9007199136250225],
    [[94906267, 94906267], Infinity],
    [[4294967296, 4294967296], Infinity],
    [[4294967296, 4294967296, 0], 0],
  ])('of %j is %d', (shape, count) => {
    expect(elementCount(shape)).toBe(count);
  });
});

describe('a half-precision float', () => {
  // Bits as numpy's float16 has them.
  it.each([
    [1, 0x3c00],
    [-2, 0xc000],
    [65504, 0x7bff],
    [65519.99, 0x7bff],
    [65520, 0x7c00],
    [-Infinity, 0xfc00],
    [-0, 0x8000],
    [2 ** -24, 0x0001],
    [2 ** -25, 0x0000],
    [2 ** -25 * 1.0001, 0x0001],
    [2 ** -14, 0x0400],
    [2 ** -14 - 2 ** -26, 0x0400],
    [0.1, 0x2e66],
    [1 + 2 ** -11, 0x3c00],
    [1 + 3 * 2 ** -11, 0x3c02],
    [1.9999, 0x4000],
  ])('holds %d as its nearest bits', (value, bits) => {
    expect(numberToFloat16(value)).toBe(bits);
  });

  it('keeps every one of its values', () => {
    for (let bits = 0; bits < 65_536; bits += 1) {
      const value = float16ToNumber(bits);
      if (Number.isNaN(value)) expect((bits & 0x7fff) > 0x7c00).toBe(true);
      else if (numberToFloat16(value) !== bits) expect.fail(`bits ${bits} changed`);
    }
  });
});
