import { invalid } from '@flywheel/core';
import { normalQuantile } from '../special/normal.ts';
import { splitMix, splitMixUniform } from './split-mix.ts';
import type { Word64 } from './word64.ts';

/** A safe integer, or a 64-bit word such as `hash64(text)`. */
export type Seed = number | Word64;

/**
 * 64 random bits that depend on nothing but the arguments: no state, any order, any process, the same answer.
 * With one index i it is the (i + 1)-th output of SplitMix64 started at `seed`; further indices nest streams.
 * Indices are safe integers >= 0; without any, the bits are those of index 0.
 */
export function randomBitsAt(seed: Seed, ...indices: readonly number[]): Word64 {
  return splitMix(seedWord(seed), checked(indices));
}

/** Uniform in [0, 1) with 53 bits: `randomBitsAt` as a number. */
export function randomAt(seed: Seed, ...indices: readonly number[]): number {
  return splitMixUniform(seedWord(seed), checked(indices));
}

/** Standard normal by inversion of one uniform. */
export function normalAt(seed: Seed, ...indices: readonly number[]): number {
  return normalQuantile(randomAt(seed, ...indices) + 2 ** -54);
}

/** Poisson with mean 1 by inversion of one uniform: the weights of the Poisson bootstrap. */
export function poissonAt(seed: Seed, ...indices: readonly number[]): number {
  const uniform = randomAt(seed, ...indices);
  let weight = 0;
  let point = Math.exp(-1);
  let cumulative = point;
  while (uniform >= cumulative && weight < 25) {
    weight += 1;
    point /= weight;
    cumulative += point;
  }
  return weight;
}

const firstIndex = [0];

function checked(indices: readonly number[]): readonly number[] {
  if (indices.length === 0) return firstIndex;
  for (const index of indices)
    if (!Number.isSafeInteger(index) || index < 0)
      throw invalid('indices', 'must be integers of at least 0', { index });
  return indices;
}

function seedWord(seed: Seed): Word64 {
  if (typeof seed !== 'number') return seed;
  if (!Number.isSafeInteger(seed)) throw invalid('seed', 'must be a safe integer', { seed });
  return { high: Math.floor(seed / 0x100000000) >>> 0, low: seed >>> 0 };
}
