import { multiplyHigh, word64ToUniform } from './word64.ts';
import type { Word64 } from './word64.ts';

// The register of one draw: [high, low]. It lives outside the functions because a draw must not allocate; it is loaded,
// advanced and read within one synchronous call and carries nothing from draw to draw.
const register = new Uint32Array(2);

/** SplitMix64 (Steele, Lea & Flood 2014) from `seed`: for every index i, i + 1 increments ahead, then mixed. */
export function splitMix(seed: Word64, indices: readonly number[]): Word64 {
  run(seed, indices);
  return { high: register[0] as number, low: register[1] as number };
}

/** The same as a uniform in [0, 1) with 53 bits. */
export function splitMixUniform(seed: Word64, indices: readonly number[]): number {
  run(seed, indices);
  return word64ToUniform({ high: register[0] as number, low: register[1] as number });
}

/** The finaliser alone: every input bit moves every output bit. */
export function mix64(word: Word64): Word64 {
  mix(word.high, word.low);
  return { high: register[0] as number, low: register[1] as number };
}

function run(seed: Word64, indices: readonly number[]): void {
  register[0] = seed.high;
  register[1] = seed.low;
  for (const index of indices) advance(index + 1);
}

/** register = mix(register + step * 0x9e3779b97f4a7c15), modulo 2^64. */
function advance(step: number): void {
  const stepLow = step >>> 0;
  const product =
    multiplyHigh(stepLow, 0x7f4a7c15) +
    Math.imul(Math.floor(step / 0x100000000), 0x7f4a7c15) +
    Math.imul(stepLow, 0x9e3779b9);
  const sum = (register[1] as number) + (Math.imul(stepLow, 0x7f4a7c15) >>> 0);
  mix(((register[0] as number) + product + (sum > 0xffffffff ? 1 : 0)) >>> 0, sum >>> 0);
}

function mix(high: number, low: number): void {
  let h = (high ^ (high >>> 30)) >>> 0;
  let l = (low ^ ((low >>> 30) | (high << 2))) >>> 0;
  h = (multiplyHigh(l, 0x1ce4e5b9) + Math.imul(h, 0x1ce4e5b9) + Math.imul(l, 0xbf58476d)) >>> 0;
  l = Math.imul(l, 0x1ce4e5b9) >>> 0;
  l = (l ^ ((l >>> 27) | (h << 5))) >>> 0;
  h = (h ^ (h >>> 27)) >>> 0;
  h = (multiplyHigh(l, 0x133111eb) + Math.imul(h, 0x133111eb) + Math.imul(l, 0x94d049bb)) >>> 0;
  l = Math.imul(l, 0x133111eb) >>> 0;
  register[0] = (h ^ (h >>> 31)) >>> 0;
  register[1] = (l ^ ((l >>> 31) | (h << 1))) >>> 0;
}
