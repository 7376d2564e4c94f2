import { invalid } from '@flywheel/core';
import { requireSameEdges } from '../summaries/frozen-histogram.ts';
import type { FrozenHistogram } from '../summaries/frozen-histogram.ts';

/** Exact Wasserstein-1 distance of two samples of finite values, in their unit: the area between their distribution functions. */
export function wasserstein(first: ArrayLike<number>, second: ArrayLike<number>): number {
  const a = Float64Array.from(first).sort();
  const b = Float64Array.from(second).sort();
  if (a.length === 0 || b.length === 0)
    throw invalid(a.length === 0 ? 'first' : 'second', 'must hold values');
  let area = 0;
  let i = 0;
  let j = 0;
  let value = Math.min(a[0] as number, b[0] as number);
  while (i < a.length || j < b.length) {
    const next = Math.min(a[i] ?? Infinity, b[j] ?? Infinity);
    area += Math.abs(i / a.length - j / b.length) * (next - value);
    value = next;
    while (a[i] === value) i += 1;
    while (b[j] === value) j += 1;
  }
  if (!Number.isFinite(area)) throw invalid('first', 'must be finite in both samples');
  return area;
}

/**
 * Wasserstein-1 distance of two histograms on the same edges, values spread evenly inside bins and those outside put on
 * the nearest edge. Movement inside a bin is invisible, so it may miss up to a bin's width. undefined when a side is empty.
 */
export function wassersteinOnHistograms(
  reference: FrozenHistogram,
  current: FrozenHistogram,
): number | undefined {
  requireSameEdges(reference, current);
  const n = reference.finite;
  const m = current.finite;
  if (n === 0 || m === 0 || reference.edges.length === 0) return undefined;
  const p = reference.finiteCounts();
  const q = current.finiteCounts();
  let gap = (p[0] as number) / n - (q[0] as number) / m;
  let area = 0;
  for (let bin = 1; bin < p.length - 1; bin++) {
    const width = (reference.edges[bin] as number) - (reference.edges[bin - 1] as number);
    const next = gap + (p[bin] as number) / n - (q[bin] as number) / m;
    area += width * meanAbsolute(gap, next);
    gap = next;
  }
  return area;
}

/**
 * Mean of W1 when nothing drifted: sqrt(2/pi) sqrt(1/n + 1/m) times the integral of sqrt(F(1 - F)) over the reference's F.
 * `n` and `m` are the sizes of the two samples. undefined without reference values.
 */
export function wassersteinNullMean(
  reference: FrozenHistogram,
  n: number,
  m: number,
): number | undefined {
  const finite = reference.finite;
  if (finite === 0 || reference.edges.length === 0) return undefined;
  const counts = reference.finiteCounts();
  let below = (counts[0] as number) / finite;
  let integral = 0;
  for (let bin = 1; bin < counts.length - 1; bin++) {
    const width = (reference.edges[bin] as number) - (reference.edges[bin - 1] as number);
    const next = below + (counts[bin] as number) / finite;
    integral += width * meanRoot(below, next);
    below = next;
  }
  return Math.sqrt(2 / Math.PI) * Math.sqrt(1 / n + 1 / m) * integral;
}

/** Mean of |x| while x goes straight from a to b. */
function meanAbsolute(a: number, b: number): number {
  if (a * b >= 0) return Math.abs(a + b) / 2;
  return (a * a + b * b) / (2 * Math.abs(b - a));
}

/** Mean of sqrt(x(1 - x)) while x goes straight from a to b. */
function meanRoot(a: number, b: number): number {
  if (b - a < 1e-9) return root((a + b) / 2);
  return (rootIntegral(b) - rootIntegral(a)) / (b - a);
}

function root(x: number): number {
  return Math.sqrt(Math.max(0, x * (1 - x)));
}

/** Antiderivative of sqrt(x(1 - x)). */
function rootIntegral(x: number): number {
  const clipped = Math.min(1, Math.max(0, x));
  return ((2 * clipped - 1) * root(clipped)) / 4 + Math.asin(2 * clipped - 1) / 8;
}
