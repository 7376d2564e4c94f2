import type { featureStore } from '@flywheel/contracts';
import { durationMs } from '../definitions/duration.ts';

/**
 * A feature view compiled once, for the operator that answers online and for the SQL that answers offline. `outputs`
 * are in the view's order: for each aggregation, for each window.
 */
export type WindowPlan = {
  /** Ascending lengths. */
  readonly windowsMs: readonly number[];
  readonly longestMs: number;
  /** Columns that are read from a row, as numbers. */
  readonly columns: readonly string[];
  /** Bounds that a column is counted above. */
  readonly shares: readonly { readonly column: number; readonly above: number }[];
  readonly outputs: readonly WindowOutput[];
};

export type WindowOutput = {
  readonly name: string;
  /** Index into `windowsMs`. */
  readonly window: number;
} & (
  | { readonly fn: 'count' }
  | { readonly fn: 'mean'; readonly column: number }
  | { readonly fn: 'share'; readonly column: number; readonly share: number }
);

type PlannedView = Pick<featureStore.FeatureView, 'windows' | 'aggregations'>;

export function planWindows(view: PlannedView): WindowPlan {
  const windowsMs = [...new Set(view.windows.map(durationMs))].sort((left, right) => left - right);
  const columns: string[] = [];
  const shares: { column: number; above: number }[] = [];
  const outputs = view.aggregations.flatMap((aggregation) => {
    const measure = measureOf(aggregation, columns, shares);
    return view.windows.map((window) => ({
      name: `${aggregation.feature}_${window}`,
      window: windowsMs.indexOf(durationMs(window)),
      ...measure,
    }));
  });
  return { windowsMs, longestMs: windowsMs.at(-1) ?? 0, columns, shares, outputs };
}

type Measure =
  { fn: 'count' } | { fn: 'mean'; column: number } | { fn: 'share'; column: number; share: number };

function measureOf(
  aggregation: featureStore.Aggregation,
  columns: string[],
  shares: { column: number; above: number }[],
): Measure {
  if (aggregation.fn === 'count') return { fn: 'count' };
  const column = place(columns, aggregation.column);
  if (aggregation.fn === 'mean') return { fn: 'mean', column };
  shares.push({ column, above: aggregation.above });
  return { fn: 'share', column, share: shares.length - 1 };
}

function place(columns: string[], column: string): number {
  const at = columns.indexOf(column);
  return at >= 0 ? at : columns.push(column) - 1;
}
