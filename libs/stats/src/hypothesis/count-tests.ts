import { invalid } from '@flywheel/core';
import { chiSquareTail } from '../special/distributions.ts';

export interface CountTest {
  readonly statistic: number;
  readonly df: number;
  readonly pValue: number;
  /** Columns left after pooling. */
  readonly columns: number;
}

export interface CountTestOptions {
  /** Pearson's chi-square (default) or the likelihood ratio G. */
  readonly statistic?: 'chi2' | 'g';
}

/**
 * Tests that two samples of counts come from one distribution (2 x k homogeneity, k - 1 degrees of freedom): the
 * reference is a sample too, not the exact truth. No continuity correction. Columns where both counts are 0 are ignored;
 * pool rare ones first (`poolRare`, `poolNeighbours`). With one column left nothing can differ: p = 1.
 */
export function homogeneityTest(
  first: readonly number[],
  second: readonly number[],
  options: CountTestOptions = {},
): CountTest {
  checkCounts(first, second);
  const n = sum(first);
  const m = sum(second);
  const kind = options.statistic ?? 'chi2';
  let statistic = 0;
  let columns = 0;
  first.forEach((count, at) => {
    const other = second[at] as number;
    const column = count + other;
    if (column === 0) return;
    columns += 1;
    statistic +=
      term(kind, count, (column * n) / (n + m)) + term(kind, other, (column * m) / (n + m));
  });
  return finish(statistic, columns);
}

/**
 * Tests counts against shares that are known, not estimated (a planned split): the shares are scaled to the total.
 * k - 1 degrees of freedom.
 */
export function goodnessOfFit(
  observed: readonly number[],
  shares: readonly number[],
  options: CountTestOptions = {},
): CountTest {
  checkCounts(observed, shares);
  const total = sum(observed);
  const whole = sum(shares);
  const kind = options.statistic ?? 'chi2';
  let statistic = 0;
  let columns = 0;
  observed.forEach((count, at) => {
    const share = shares[at] as number;
    if (share === 0 && count === 0) return;
    columns += 1;
    statistic += share === 0 ? Infinity : term(kind, count, (share / whole) * total);
  });
  return finish(statistic, columns);
}

export interface PooledCounts {
  readonly first: number[];
  readonly second: number[];
}

/** Puts categories whose expected count is below `minimum` (5 unless told) in either sample into one last column. */
export function poolRare(
  first: readonly number[],
  second: readonly number[],
  minimum = 5,
): PooledCounts {
  checkCounts(first, second);
  const share = smallerShare(first, second);
  const pooled: PooledCounts = { first: [], second: [] };
  const rest = { first: 0, second: 0 };
  first.forEach((count, at) => {
    const other = second[at] as number;
    if ((count + other) * share >= minimum) push(pooled, count, other);
    else {
      rest.first += count;
      rest.second += other;
    }
  });
  if (rest.first + rest.second === 0) return pooled;
  if ((rest.first + rest.second) * share >= minimum || pooled.first.length === 0)
    push(pooled, rest.first, rest.second);
  else addTo(pooled, smallestColumn(pooled), rest.first, rest.second);
  return pooled;
}

export interface NeighbourPooling {
  /** Smallest expected count in either sample, 5 unless told. */
  readonly minimum?: number;
  /** Smallest share of both samples together a column should hold, 0 unless told: it bounds the number of columns. */
  readonly minimumShare?: number;
}

/** Joins neighbouring bins of ordered counts until each column is expected to hold enough in both samples. */
export function poolNeighbours(
  first: readonly number[],
  second: readonly number[],
  { minimum = 5, minimumShare = 0 }: NeighbourPooling = {},
): PooledCounts {
  checkCounts(first, second);
  const total = sum(first) + sum(second);
  const share = smallerShare(first, second);
  const pooled: PooledCounts = { first: [], second: [] };
  let open = { first: 0, second: 0 };
  first.forEach((count, at) => {
    open = { first: open.first + count, second: open.second + (second[at] as number) };
    const held = open.first + open.second;
    if (held * share < minimum || held < minimumShare * total || held === 0) return;
    push(pooled, open.first, open.second);
    open = { first: 0, second: 0 };
  });
  if (open.first + open.second === 0) return pooled;
  if (pooled.first.length === 0) push(pooled, open.first, open.second);
  else addTo(pooled, pooled.first.length - 1, open.first, open.second);
  return pooled;
}

function push(pooled: PooledCounts, first: number, second: number): void {
  pooled.first.push(first);
  pooled.second.push(second);
}

function addTo(pooled: PooledCounts, at: number, first: number, second: number): void {
  pooled.first[at] = (pooled.first[at] as number) + first;
  pooled.second[at] = (pooled.second[at] as number) + second;
}

function smallestColumn(pooled: PooledCounts): number {
  const sums = pooled.first.map((count, at) => count + (pooled.second[at] as number));
  return sums.indexOf(Math.min(...sums));
}

function smallerShare(first: readonly number[], second: readonly number[]): number {
  const n = sum(first);
  const m = sum(second);
  return n + m === 0 ? 0 : Math.min(n, m) / (n + m);
}

function term(kind: 'chi2' | 'g', observed: number, expected: number): number {
  if (kind === 'chi2') return expected === 0 ? 0 : (observed - expected) ** 2 / expected;
  return observed === 0 ? 0 : 2 * observed * Math.log(observed / expected);
}

function finish(statistic: number, columns: number): CountTest {
  const df = Math.max(0, columns - 1);
  return { statistic, df, columns, pValue: chiSquareTail(Math.max(0, statistic), df) };
}

export function checkCounts(first: readonly number[], second: readonly number[]): void {
  if (first.length !== second.length)
    throw invalid('second', 'must have as many counts as first', {
      first: first.length,
      second: second.length,
    });
  for (const [name, counts] of [
    ['first', first],
    ['second', second],
  ] as const)
    counts.forEach((count, at) => {
      if (!(count >= 0 && count < Infinity))
        throw invalid(`${name}[${at}]`, 'must be a count of at least 0');
    });
}

export function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
