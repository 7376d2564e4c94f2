import { invalid } from '@flywheel/core';
import { groupScores } from '../quality/score-groups.ts';
import { normalTail } from '../special/normal.ts';

export interface MannWhitney {
  /** Pairs in which the value of the first sample is larger, ties half. */
  readonly u: number;
  readonly pValue: number;
  readonly method: 'exact' | 'asymptotic';
}

export interface MannWhitneyOptions {
  /** What the first sample is held to be against the second; two-sided unless told. */
  readonly alternative?: 'two-sided' | 'less' | 'greater';
  readonly method?: 'auto' | 'exact' | 'asymptotic';
}

/**
 * Mann-Whitney test: exact without ties in small samples (auto: one side of at most 8 and at most 2,500 pairs),
 * else normal with tie and continuity correction.
 */
export function mannWhitney(
  first: ArrayLike<number>,
  second: ArrayLike<number>,
  { alternative = 'two-sided', method = 'auto' }: MannWhitneyOptions = {},
): MannWhitney {
  const n = first.length;
  const m = second.length;
  if (n === 0 || m === 0) throw invalid(n === 0 ? 'first' : 'second', 'must hold values');
  const labels = new Uint8Array(n + m).fill(1, 0, n) as unknown as ArrayLike<0 | 1>;
  const groups = groupScores([...Array.from(first), ...Array.from(second)], labels);
  let u = 0;
  let below = 0;
  let ties = 0;
  for (let at = 0; at < groups.scores.length; at++) {
    const mine = groups.positives[at] as number;
    const theirs = groups.negatives[at] as number;
    u += mine * (below + theirs / 2);
    below += theirs;
    ties += (mine + theirs) ** 3 - (mine + theirs);
  }
  const small = Math.min(n, m) <= 8 && n * m <= 2_500;
  const chosen = method === 'auto' ? (small && ties === 0 ? 'exact' : 'asymptotic') : method;
  if (chosen === 'exact' && (ties > 0 || n * m > 2_500))
    throw invalid('method', 'must be asymptotic with ties or more than 2500 pairs');
  const upper = chosen === 'exact' ? exactUpper(n, m) : normalUpper(n, m, ties);
  const greater = upper(u);
  const less = upper(n * m - u);
  const pValue =
    alternative === 'two-sided'
      ? Math.min(1, 2 * Math.min(greater, less))
      : alternative === 'greater'
        ? greater
        : less;
  return { u, pValue, method: chosen };
}

function normalUpper(n: number, m: number, ties: number): (u: number) => number {
  const all = n + m;
  const deviation = Math.sqrt(((n * m) / 12) * (all + 1 - ties / (all * (all - 1))));
  return (u) => (deviation === 0 ? 1 : normalTail((u - (n * m) / 2 - 0.5) / deviation));
}

/** Number of orders per U from the product of (1 - q^(m+i)) / (1 - q^i), as probabilities. */
function exactUpper(n: number, m: number): (u: number) => number {
  let shares = new Float64Array(n * m + 1);
  shares[0] = 1;
  for (let i = 1; i <= n; i++) {
    const next = shares.slice();
    for (let u = n * m; u >= m + i; u--)
      next[u] = (next[u] as number) - (next[u - m - i] as number);
    for (let u = i; u <= n * m; u++) next[u] = (next[u] as number) + (next[u - i] as number);
    // Dividing by the growing number of orders keeps the entries probabilities at every step.
    shares = next.map((count) => (count * i) / (m + i));
  }
  return (u) => {
    let tail = 0;
    for (let at = n * m; at >= Math.ceil(u); at--) tail += shares[at] as number;
    return Math.min(1, tail);
  };
}
