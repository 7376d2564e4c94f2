import { binningKey, binOf, MISSING_BIN, placeBins, type FeatureBins } from './feature-bins.ts';
import type { TrainingTable } from './training-table.ts';

/** Features per machine word: one gather of 32 bits brings the bins of four features. */
export const GROUP_SIZE = 4;

/**
 * A table as bin numbers. Group g holds features 4g to 4g+3; `groups[g][row]` has the bin of feature 4g+k in bits 8k
 * to 8k+7. Absent features of the last group have bin 0.
 */
export type BinnedTable = {
  readonly rowCount: number;
  readonly featureCount: number;
  readonly bins: readonly FeatureBins[];
  readonly groups: readonly Uint32Array[];
  readonly hasMissing: readonly boolean[];
};

/** Places the bins of every feature by the table's own values and bins it. */
export function binTable(table: TrainingTable, maxBins: number, seed: number): BinnedTable {
  return applyBins(
    table,
    table.features.map(({ values }, feature) =>
      placeBins(values, maxBins, binningKey(seed, feature)),
    ),
  );
}

/** Bins a table by bins that were placed on another. */
export function applyBins(table: TrainingTable, bins: readonly FeatureBins[]): BinnedTable {
  const { rowCount, features } = table;
  const groups = Array.from(
    { length: Math.ceil(features.length / GROUP_SIZE) },
    () => new Uint32Array(rowCount),
  );
  const hasMissing = features.map(({ values }, feature) =>
    fillColumn(
      groups[Math.floor(feature / GROUP_SIZE)] as Uint32Array,
      8 * (feature % GROUP_SIZE),
      values,
      bins[feature] as FeatureBins,
    ),
  );
  return { rowCount, featureCount: features.length, bins, groups, hasMissing };
}

/** Writes one feature's bins into its byte of the words; true when a value is missing. */
function fillColumn(
  words: Uint32Array,
  shift: number,
  values: Float32Array,
  bins: FeatureBins,
): boolean {
  let hasMissing = false;
  for (let row = 0; row < values.length; row++) {
    const bin = binOf(bins, values[row] as number);
    if (bin === MISSING_BIN) hasMissing = true;
    words[row] = (words[row] as number) | (bin << shift);
  }
  return hasMissing;
}
