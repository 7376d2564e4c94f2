import { logBeta } from './gamma.ts';
import { bisect } from './bisect.ts';

const tiny = 1e-300;

/** Regularised incomplete beta function I_x(a, b), a, b > 0 (Lentz continued fraction, DLMF 8.17.22). */
export function regularizedBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - betaTail(1 - x, b, a);
  return betaTail(x, a, b);
}

function betaTail(x: number, a: number, b: number): number {
  const scale = Math.exp(a * Math.log(x) + b * Math.log1p(-x) - logBeta(a, b));
  return (scale * betaFraction(x, a, b)) / a;
}

function betaFraction(x: number, a: number, b: number): number {
  let c = 1;
  let d = 1 / keepAway(1 - ((a + b) * x) / (a + 1));
  let value = d;
  for (let m = 1; m < 200_000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / keepAway(1 + even * d);
    c = keepAway(1 + even / c);
    value *= c * d;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / keepAway(1 + odd * d);
    c = keepAway(1 + odd / c);
    value *= c * d;
    if (Math.abs(c * d - 1) < 1e-16) break;
  }
  return value;
}

function keepAway(denominator: number): number {
  return Math.abs(denominator) < tiny ? tiny : denominator;
}

/** The x with I_x(a, b) = probability. */
export function betaQuantile(probability: number, a: number, b: number): number {
  return bisect((x) => regularizedBeta(x, a, b) - probability, 0, 1);
}
