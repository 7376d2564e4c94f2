import { invalid } from '@flywheel/core';

/** `bins` equal steps from low to high: bins + 1 edges. */
export function uniformEdges(low: number, high: number, bins: number): number[] {
  checkBins(bins);
  if (!(Number.isFinite(low) && Number.isFinite(high) && low < high))
    throw invalid('low', 'must be finite and below high', { low, high });
  return Array.from({ length: bins + 1 }, (_, at) => low + ((high - low) * at) / bins);
}

/**
 * Edges of about equal mass from a reference sample (null, NaN and infinities are skipped). Each edge lies midway between
 * two neighbouring distinct values and the outer ones half a gap beyond the extremes, so that a value which occurs
 * often (few distinct values, many zeros) never sits on an edge. At most `bins` bins; none without finite values.
 */
export function quantileEdges(sample: Iterable<number | null | undefined>, bins: number): number[] {
  checkBins(bins);
  const sorted = finiteSorted(sample);
  const size = sorted.length;
  if (size === 0) return [];
  const first = sorted[0] as number;
  const last = sorted[size - 1] as number;
  if (first === last) {
    const margin = Math.max(1, Math.abs(first)) * 1e-6;
    return ascending([first - margin, first + margin]);
  }
  const cuts = distinctAtMost(sorted, bins) ? everyCut(sorted) : quantileCuts(sorted, bins);
  const inner = cuts.map((at) => between(sorted[at - 1] as number, sorted[at] as number));
  const lowGap = (sorted[runEnd(sorted, 0)] as number) - first;
  const highGap = last - (sorted[runStart(sorted, size - 1) - 1] as number);
  return ascending([first - lowGap / 2, ...inner, last + highGap / 2]);
}

/** Finite and without repetition, where floating point has no room for half a gap. */
function ascending(edges: readonly number[]): number[] {
  const finite = edges.map((edge) => Math.min(Math.max(edge, -Number.MAX_VALUE), Number.MAX_VALUE));
  return finite.filter((edge, at) => at === 0 || edge > (finite[at - 1] as number));
}

function checkBins(bins: number): void {
  if (!Number.isSafeInteger(bins) || bins < 1 || bins > 100_000)
    throw invalid('bins', 'must be an integer from 1 to 100000', { bins });
}

function finiteSorted(sample: Iterable<number | null | undefined>): Float64Array {
  const kept: number[] = [];
  for (const value of sample)
    if (typeof value === 'number' && Number.isFinite(value)) kept.push(value);
  return Float64Array.from(kept).sort();
}

function distinctAtMost(sorted: Float64Array, limit: number): boolean {
  let distinct = 0;
  for (let at = 0; at < sorted.length && distinct <= limit; at = runEnd(sorted, at)) distinct += 1;
  return distinct <= limit;
}

function everyCut(sorted: Float64Array): number[] {
  const cuts: number[] = [];
  for (let at = runEnd(sorted, 0); at < sorted.length; at = runEnd(sorted, at)) cuts.push(at);
  return cuts;
}

/** The positions nearest to each quantile at which the value changes. */
function quantileCuts(sorted: Float64Array, bins: number): number[] {
  const cuts = new Set<number>();
  for (let bin = 1; bin < bins; bin++) {
    const wanted = Math.round((bin * sorted.length) / bins);
    const start = runStart(sorted, wanted);
    const end = runEnd(sorted, wanted);
    const nearest = wanted - start <= end - wanted ? start : end;
    if (nearest > 0 && nearest < sorted.length) cuts.add(nearest);
  }
  return [...cuts].sort((left, right) => left - right);
}

/** First position of the run of equal values that holds `at`, by bisection. */
function runStart(sorted: Float64Array, at: number): number {
  return lowerBound(sorted, sorted[Math.min(at, sorted.length - 1)] as number);
}

/** First position after the run of equal values that holds `at`. */
function runEnd(sorted: Float64Array, at: number): number {
  const value = sorted[Math.min(at, sorted.length - 1)] as number;
  let low = at;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as number) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function lowerBound(sorted: Float64Array, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** An edge e with lower < e <= upper, midway where floating point has room. */
function between(lower: number, upper: number): number {
  const gap = upper - lower;
  const middle = Number.isFinite(gap) ? lower + gap / 2 : lower / 2 + upper / 2;
  return middle > lower ? middle : upper;
}
