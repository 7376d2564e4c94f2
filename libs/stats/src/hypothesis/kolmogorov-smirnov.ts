import { invalid } from '@flywheel/core';
import { kolmogorovLimitTail, kolmogorovTail } from '../special/kolmogorov.ts';
import { logChoose } from '../special/gamma.ts';
import { checkCounts, sum } from './count-tests.ts';

export interface KolmogorovSmirnov {
  /** Largest distance of the two empirical distribution functions. */
  readonly statistic: number;
  readonly pValue: number;
  readonly method: 'exact' | 'asymptotic';
}

/**
 * How p is found. `exact`: paths on the lattice, right for samples without ties and conservative with them.
 * `asymptotic`: the one-sample distribution at the effective size nm / (n + m), rounded (as SciPy). `auto`: exact
 * where it is quick.
 */
export type KsMethod = 'exact' | 'asymptotic' | 'auto';

const quickCells = 4_000_000;

/** Two-sample Kolmogorov-Smirnov test on finite values, two-sided. */
export function ksTest(
  first: ArrayLike<number>,
  second: ArrayLike<number>,
  method: KsMethod = 'auto',
): KolmogorovSmirnov {
  const a = sortedFinite(first, 'first');
  const b = sortedFinite(second, 'second');
  let largest = 0;
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    const value = Math.min(a[i] as number, b[j] as number);
    while (a[i] === value) i += 1;
    while (b[j] === value) j += 1;
    largest = Math.max(largest, Math.abs(i * b.length - j * a.length));
  }
  return judged(largest, a.length, b.length, method);
}

/**
 * The same from counts on common ordered bins. Inside a bin the distance cannot be seen, so D is a lower bound and p is
 * conservative: the test keeps its level at every sample size.
 */
export function ksTestOnCounts(
  first: readonly number[],
  second: readonly number[],
  method: KsMethod = 'auto',
): KolmogorovSmirnov {
  checkCounts(first, second);
  const n = sum(first);
  const m = sum(second);
  if (n === 0 || m === 0) throw invalid('first', 'must hold values in both samples');
  let largest = 0;
  let i = 0;
  let j = 0;
  first.forEach((count, at) => {
    i += count;
    j += second[at] as number;
    largest = Math.max(largest, Math.abs(i * m - j * n));
  });
  return judged(largest, n, m, method);
}

/** P(D >= statistic) in the limit of large samples: the Kolmogorov series at sqrt(nm / (n + m)) D. */
export function ksLimitPValue(statistic: number, n: number, m: number): number {
  return kolmogorovLimitTail(statistic * Math.sqrt((n * m) / (n + m)));
}

/** `steps` = D * n * m, an integer. */
function judged(steps: number, n: number, m: number, wanted: KsMethod): KolmogorovSmirnov {
  const quick = n === m || n * m <= quickCells;
  const method = wanted === 'auto' ? (quick ? 'exact' : 'asymptotic') : wanted;
  if (method === 'exact' && n !== m && n * m > 100 * quickCells)
    throw invalid('method', 'must be asymptotic for samples of this size', { n, m });
  const statistic = steps / n / m;
  const pValue =
    method === 'exact'
      ? exactTail(steps, n, m)
      : kolmogorovTail(statistic, Math.round((n * m) / (n + m)));
  return { statistic, pValue: Math.min(1, Math.max(0, pValue)), method };
}

function exactTail(steps: number, n: number, m: number): number {
  if (steps === 0) return 1;
  return n === m ? equalSizesTail(Math.round(steps / n), n) : latticeTail(steps, n, m);
}

/** P(nD >= k) for two samples of n each, by reflection (Gnedenko & Korolyuk 1951). */
function equalSizesTail(k: number, n: number): number {
  const all = logChoose(2 * n, n);
  let tail = 0;
  for (let j = 1; j * k <= n; j++)
    tail += (j % 2 === 1 ? 2 : -2) * Math.exp(logChoose(2 * n, n - j * k) - all);
  return tail;
}

/**
 * P(D >= d) by walking the lattice of orders of the pooled sample (Hodges 1958): cell (i, j) holds the share of paths to
 * it that have touched |i/n - j/m| >= d. Sums of touched paths keep relative precision in the far tail.
 */
function latticeTail(steps: number, n: number, m: number): number {
  const touched = new Float64Array(m + 1);
  const limit = steps - 0.5;
  for (let j = 1; j <= m; j++) touched[j] = j * n >= limit ? 1 : 0;
  for (let i = 1; i <= n; i++) {
    touched[0] = i * m >= limit ? 1 : 0;
    for (let j = 1; j <= m; j++) {
      // Of the paths to (i, j), i / (i + j) arrive from (i - 1, j) and the rest from (i, j - 1).
      touched[j] =
        Math.abs(i * m - j * n) >= limit
          ? 1
          : (i * (touched[j] as number) + j * (touched[j - 1] as number)) / (i + j);
    }
  }
  return touched[m] as number;
}

function sortedFinite(values: ArrayLike<number>, field: string): Float64Array {
  const sorted = Float64Array.from(values).sort();
  if (sorted.length === 0) throw invalid(field, 'must hold values');
  // Sorting puts -Infinity first and Infinity and NaN last.
  if (!Number.isFinite(sorted[0]) || !Number.isFinite(sorted[sorted.length - 1]))
    throw invalid(field, 'must be finite');
  return sorted;
}
