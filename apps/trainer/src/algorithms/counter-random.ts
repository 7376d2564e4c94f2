/**
 * A counter-based random generator: draw number n of a key is a pure function of (key, n), so that any part of a
 * computation can be repeated alone, in any order and by any worker. Only integer arithmetic, hence equal on every
 * machine. Not for secrets.
 */
export type RandomKey = { readonly first: number; readonly second: number };

/** The key of a place in a computation, such as (seed, tree) or (study seed, trial, parameter). */
export function randomKey(seed: number, ...path: readonly number[]): RandomKey {
  let first = 0x9e3779b9;
  let second = 0x7f4a7c15;
  for (const part of [seed, ...path]) {
    for (const word of [part >>> 0, Math.floor(part / 4294967296) >>> 0]) {
      first = mix(first ^ word);
      second = mix((second + Math.imul(word, 0x85ebca6b) + first) | 0);
    }
  }
  return { first, second };
}

/** Draw `counter` of the key as an unsigned 32-bit integer. */
export function drawWord({ first, second }: RandomKey, counter: number): number {
  return mix((mix(counter ^ first) + second) | 0);
}

/** Draw `counter` of the key, uniform in [0, 1) with 53 bits. */
export function drawUnit(key: RandomKey, counter: number): number {
  const high = drawWord(key, counter * 2) >>> 5;
  const low = drawWord(key, counter * 2 + 1) >>> 6;
  return (high * 67108864 + low) / 9007199254740992;
}

/** A bijection of 32-bit integers in which every input bit flips every output bit about half the time. */
function mix(value: number): number {
  let bits = value | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x21f0aaad);
  bits = Math.imul(bits ^ (bits >>> 15), 0x735a2d97);
  return (bits ^ (bits >>> 15)) >>> 0;
}
