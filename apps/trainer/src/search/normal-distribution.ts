import { exp } from '../algorithms/deterministic-math.ts';

/** Standard normal distribution in plain arithmetic, the same on every machine. */

const INVERSE_SQRT_2PI = 0.3989422804014327;
/** Nodes per unit of the table; between them a Taylor series of nine terms. */
const NODES = 16;
const TABLE_END = 9;
const TERMS = 10;
const table = tabulateLowerTail();

export function normalDensity(x: number): number {
  return INVERSE_SQRT_2PI * exp((-x * x) / 2);
}

/** P(Z <= x); in the lower tail the relative error stays small. */
export function normalCdf(x: number): number {
  return x > 0 ? 1 - lowerTail(-x) : lowerTail(x);
}

/** P(left < Z <= right), without cancellation in either tail. */
export function normalMass(left: number, right: number): number {
  return left > 0 ? lowerTail(-left) - lowerTail(-right) : normalCdf(right) - normalCdf(left);
}

/**
 * The x in [low, high] below which a share `draw` of the normal mass between low and high lies. Newton's method kept
 * inside a shrinking bracket.
 */
export function truncatedNormalQuantile(draw: number, low: number, high: number): number {
  let [left, right] = [Math.max(low, -37), Math.min(high, 37)];
  const total = normalMass(low, high);
  let x = (left + right) / 2;
  for (let iteration = 0; iteration < 60; iteration++) {
    const excess = normalMass(low, x) - draw * total;
    if (excess > 0) right = x;
    else left = x;
    const newton = x - excess / normalDensity(x);
    const next = newton > left && newton < right ? newton : (left + right) / 2;
    if (Math.abs(next - x) <= 1e-12 * Math.max(1, Math.abs(x))) return next;
    x = next;
  }
  return x;
}

/** P(Z <= x) for x <= 0: Taylor around the nearest node of the table. */
function lowerTail(x: number): number {
  if (x <= 1 / NODES - TABLE_END) return tailFraction(x);
  const node = Math.round(-x * NODES);
  const centre = -node / NODES;
  const distance = x - centre;
  let previous = 0;
  let hermite = 1;
  let factor = distance;
  let sum = 0;
  for (let n = 0; n < TERMS; n++) {
    sum += hermite * factor;
    [previous, hermite] = [hermite, centre * hermite - n * previous];
    factor *= -distance / (n + 2);
  }
  return (table.tail[node] as number) + (table.density[node] as number) * sum;
}

function tabulateLowerTail(): { readonly tail: Float64Array; readonly density: Float64Array } {
  const positions = Array.from({ length: TABLE_END * NODES + 1 }, (_, node) => -node / NODES);
  return {
    tail: Float64Array.from(positions, (x) => (x > -3 ? 0.5 - centralSeries(-x) : tailFraction(x))),
    density: Float64Array.from(positions, normalDensity),
  };
}

/** P(0 < Z <= x): the density times x + x^3/3 + x^5/(3 5) + ... */
function centralSeries(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 3; term > sum * 1e-17; n += 2) {
    term *= (x * x) / n;
    sum += term;
  }
  return normalDensity(x) * sum;
}

/** P(Z <= x) for x <= -3 by the continued fraction 1/(y + 1/(y + 2/(y + 3/...))), y = -x. */
function tailFraction(x: number): number {
  if (x < -38) return 0;
  let fraction = -x;
  for (let n = 120; n >= 1; n--) fraction = -x + n / fraction;
  return normalDensity(x) / fraction;
}
