import { binningKey, binOf, MISSING_BIN, placeBins, type FeatureBins } from './feature-bins.ts';
import type { TrainingTable } from './training-table.ts';

/** A table as bin numbers: one byte per row and feature. */
export type BinnedTable = {
  readonly rowCount: number;
  readonly bins: readonly FeatureBins[];
  readonly columns: readonly Uint8Array[];
  readonly hasMissing: readonly boolean[];
};

/** Places the bins of every feature by the table's own values. */
export function placeTableBins(
  table: TrainingTable,
  maxBins: number,
  seed: number,
): readonly FeatureBins[] {
  return table.features.map(({ values }, feature) =>
    placeBins(values, maxBins, binningKey(seed, feature)),
  );
}

/** Bins a table, by its own bins or those of another, into new columns or given ones. */
export function applyBins(
  { rowCount, features }: TrainingTable,
  bins: readonly FeatureBins[],
  columns: readonly Uint8Array[] = features.map(() => new Uint8Array(rowCount)),
): BinnedTable {
  features.forEach(({ values }, feature) =>
    fillColumn(columns[feature] as Uint8Array, values, bins[feature] as FeatureBins),
  );
  const hasMissing = columns.map((column) => column.includes(MISSING_BIN));
  return { rowCount, bins, columns, hasMissing };
}

function fillColumn(column: Uint8Array, values: Float32Array, bins: FeatureBins): void {
  for (let row = 0; row < values.length; row++) column[row] = binOf(bins, values[row] as number);
}
