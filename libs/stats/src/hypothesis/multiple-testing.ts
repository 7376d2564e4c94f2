import { invalid } from '@flywheel/core';

export type Correction = 'bonferroni' | 'benjamini-hochberg' | 'benjamini-yekutieli';

/**
 * Adjusted p-values, in the order given; reject where one is <= alpha. Bonferroni bounds the chance of any false
 * rejection, Benjamini-Hochberg (1995) the expected share of false ones for independent or positively dependent tests,
 * Benjamini-Yekutieli (2001) that share under any dependence.
 */
export function adjustPValues(pValues: readonly number[], correction: Correction): number[] {
  pValues.forEach((p, at) => {
    if (!(p >= 0 && p <= 1)) throw invalid(`pValues[${at}]`, 'must be from 0 to 1', { p });
  });
  const tests = pValues.length;
  if (correction === 'bonferroni') return pValues.map((p) => Math.min(1, p * tests));
  const factor = correction === 'benjamini-yekutieli' ? harmonic(tests) : 1;
  const adjusted = new Array<number>(tests);
  const falling = pValues.map((p, at) => ({ p, at })).sort((left, right) => right.p - left.p);
  let smallest = 1;
  falling.forEach(({ p, at }, fromTop) => {
    smallest = Math.min(smallest, (p * tests * factor) / (tests - fromTop));
    adjusted[at] = smallest;
  });
  return adjusted;
}

function harmonic(terms: number): number {
  let sum = 0;
  for (let term = 1; term <= terms; term++) sum += 1 / term;
  return sum;
}
