/** A 64-bit unsigned integer as two unsigned 32-bit halves: exact, and several times faster than BigInt. */
export interface Word64 {
  readonly high: number;
  readonly low: number;
}

/** Upper 32 bits of the 64-bit product of two unsigned 32-bit numbers; every step stays below 2^53. */
export function multiplyHigh(a: number, b: number): number {
  const lower = Math.floor((a * (b & 0xffff)) / 0x10000);
  return Math.floor((a * (b >>> 16) + lower) / 0x10000);
}

/** Sixteen lower-case hex digits. */
export function word64ToHex(word: Word64): string {
  return word.high.toString(16).padStart(8, '0') + word.low.toString(16).padStart(8, '0');
}

/** Uniform in [0, 1) from the upper 53 bits. */
export function word64ToUniform(word: Word64): number {
  return (word.high * 0x200000 + (word.low >>> 11)) / 0x20000000000000;
}
