import { normalAt, randomAt } from './random/counter-random.ts';
import type { Seed } from './random/counter-random.ts';

/** `count` seeded normal values, for tests that need data. */
export function normals(
  seed: Seed,
  count: number,
  { mean = 0, deviation = 1 }: { readonly mean?: number; readonly deviation?: number } = {},
): number[] {
  return Array.from({ length: count }, (_, at) => mean + deviation * normalAt(seed, at));
}

/** `count` seeded values in [0, 1). */
export function uniforms(seed: Seed, count: number): number[] {
  return Array.from({ length: count }, (_, at) => randomAt(seed, at));
}

/** The same values in a seeded random order. */
export function shuffled<T>(values: readonly T[], seed: Seed): T[] {
  return values
    .map((value, at) => ({ value, rank: randomAt(seed, at) }))
    .sort((left, right) => left.rank - right.rank)
    .map(({ value }) => value);
}
