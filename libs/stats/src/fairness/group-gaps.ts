import { confusionMetrics } from '../quality/confusion.ts';
import type { Confusion, ConfusionMetrics } from '../quality/confusion.ts';
import { undefinedBecause } from '../quality/measured.ts';
import type { Measured } from '../quality/measured.ts';

export interface GroupRow {
  readonly group: string;
  readonly rows: number;
  /** Fewer rows than the minimum: listed, but no part of any gap. */
  readonly tooSmall: boolean;
  readonly metrics: ConfusionMetrics;
}

/** Largest minus smallest rate over the groups, and smallest over largest. */
export interface Gap {
  readonly difference: Measured;
  readonly ratio: Measured;
}

export interface GroupGaps {
  /** Every group given, also the empty and the small ones. */
  readonly groups: readonly GroupRow[];
  /** Selection rate. */
  readonly demographicParity: Gap;
  /** True-positive rate. */
  readonly equalOpportunity: Gap;
  /** The larger difference and the smaller ratio of true- and false-positive rate. */
  readonly equalizedOdds: Gap;
}

/**
 * Gaps between groups (Fairlearn's aggregation). A rate that is undefined in a counted group makes the gap undefined
 * ("undefined in a group"), never 0: what cannot be computed is not fair. Groups below `minimumRows` (5 unless told) are
 * listed and left out.
 */
export function groupGaps(
  groups: Readonly<Record<string, Confusion>>,
  { minimumRows = 5 }: { readonly minimumRows?: number } = {},
): GroupGaps {
  const rows = Object.entries(groups).map(([group, cells]): GroupRow => {
    const metrics = confusionMetrics(cells);
    return { group, rows: metrics.rows, tooSmall: metrics.rows < minimumRows, metrics };
  });
  const counted = rows.filter((row) => !row.tooSmall).map((row) => row.metrics);
  const truePositive = gapOf(counted.map((metrics) => metrics.recall));
  const falsePositive = gapOf(counted.map((metrics) => metrics.falsePositiveRate));
  return {
    groups: rows,
    demographicParity: gapOf(counted.map((metrics) => metrics.selectionRate)),
    equalOpportunity: truePositive,
    equalizedOdds: {
      difference: worse(truePositive.difference, falsePositive.difference, Math.max),
      ratio: worse(truePositive.ratio, falsePositive.ratio, Math.min),
    },
  };
}

function gapOf(rates: readonly Measured[]): Gap {
  const values: number[] = [];
  for (const rate of rates) {
    if (rate.kind === 'undefined') return both(undefinedBecause('undefined in a group'));
    values.push(rate.value);
  }
  if (values.length < 2) return both(undefinedBecause('fewer than two groups'));
  const largest = Math.max(...values);
  const smallest = Math.min(...values);
  return {
    difference: { kind: 'value', value: largest - smallest },
    ratio: { kind: 'value', value: largest === 0 ? 1 : smallest / largest },
  };
}

function both(measured: Measured): Gap {
  return { difference: measured, ratio: measured };
}

function worse(
  first: Measured,
  second: Measured,
  choose: (a: number, b: number) => number,
): Measured {
  if (first.kind === 'undefined') return first;
  if (second.kind === 'undefined') return second;
  return { kind: 'value', value: choose(first.value, second.value) };
}
