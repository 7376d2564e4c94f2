import { upperGamma } from './gamma.ts';

const halfLogTwoPi = 0.9189385332046727;

/** P(Z > z) of the standard normal, relative precision also far out in the tail. */
export function normalTail(z: number): number {
  const half = 0.5 * upperGamma(0.5, (z * z) / 2);
  return z >= 0 ? half : 1 - half;
}

/** P(Z <= z) of the standard normal. */
export function normalCdf(z: number): number {
  return normalTail(-z);
}

/** The z with P(Z > z) = probability; takes the small tail itself, so nothing is lost by rounding 1 - alpha. */
export function normalTailQuantile(probability: number): number {
  if (probability <= 0) return Infinity;
  if (probability >= 1) return -Infinity;
  if (probability > 0.5) return -normalTailQuantile(1 - probability);
  const t = Math.sqrt(-2 * Math.log(probability));
  // Start from Abramowitz & Stegun 26.2.22, then Newton on the logarithm of the tail, which is nearly a parabola.
  let z = t - (2.30753 + 0.27061 * t) / (1 + 0.99229 * t + 0.04481 * t * t);
  for (let step = 0; step < 8; step++) {
    const tail = normalTail(z);
    const hazard = Math.exp(-(z * z) / 2 - halfLogTwoPi) / tail;
    const change = Math.log(tail / probability) / hazard;
    z += change;
    if (Math.abs(change) < 1e-15 * Math.max(1, Math.abs(z))) break;
  }
  return z;
}

/** The z with P(Z <= z) = probability. */
export function normalQuantile(probability: number): number {
  return -normalTailQuantile(probability);
}
