import { invalid } from '@flywheel/core';

/** One column of float32 numbers; NaN means missing. */
export type TableFeature = { readonly name: string; readonly values: Float32Array };

/**
 * A training or validation set, column by column. Every column has `rowCount` entries. Labels are 0 or 1;
 * weights are finite and at least 0.
 */
export type TrainingTable = {
  readonly rowCount: number;
  readonly features: readonly TableFeature[];
  readonly label: Float32Array | Uint8Array;
  readonly weight?: Float32Array | undefined;
};

export type NumericColumn = { readonly name: string; readonly values: ArrayLike<number> };

/** Casts columns of any numbers to float32, the type the exported model sees; NaN stays missing. */
export function toTrainingTable(columns: {
  readonly features: readonly NumericColumn[];
  readonly label: ArrayLike<number>;
  readonly weight?: ArrayLike<number>;
}): TrainingTable {
  return {
    rowCount: columns.label.length,
    features: columns.features.map(({ name, values }) => ({
      name,
      values: Float32Array.from(values),
    })),
    label: Float32Array.from(columns.label),
    ...(columns.weight && { weight: Float32Array.from(columns.weight) }),
  };
}

/** Refuses what no algorithm can use, naming the field: shapes, names, labels other than 0 and 1, bad weights. */
export function checkTable(table: TrainingTable, field = 'table'): void {
  const { rowCount, features, label, weight } = table;
  if (!Number.isInteger(rowCount) || rowCount < 1)
    throw invalid(`${field}.rowCount`, 'must be at least 1', { rowCount });
  if (features.length === 0) throw invalid(`${field}.features`, 'must hold at least one feature');
  checkNames(features, field);
  for (const { name, values } of features)
    if (values.length !== rowCount)
      throw invalid(`${field}.features.${name}`, 'must have rowCount values', {
        rowCount,
        length: values.length,
      });
  if (label.length !== rowCount)
    throw invalid(`${field}.label`, 'must have rowCount values', { length: label.length });
  for (let row = 0; row < rowCount; row++)
    if (label[row] !== 0 && label[row] !== 1)
      throw invalid(`${field}.label`, 'must be 0 or 1', { row });
  if (weight) checkWeights(weight, rowCount, field);
}

/** Refuses a table whose weighted labels are all of one class: there is nothing to tell apart. */
export function checkBothClasses(table: TrainingTable, field = 'table'): void {
  const { positive, total } = labelWeights(table);
  if (positive === 0 || positive === total)
    throw invalid(`${field}.label`, 'must hold both classes', {
      onlyClass: positive === 0 ? 0 : 1,
    });
}

/** Refuses a table that has not the same features in the same order as another. */
export function checkSameFeatures(
  table: TrainingTable,
  names: readonly string[],
  field: string,
): void {
  const same =
    table.features.length === names.length &&
    table.features.every(({ name }, index) => name === names[index]);
  if (!same)
    throw invalid(`${field}.features`, 'must be the training features in the same order', {
      expected: names,
    });
}

/** Sum of the weights of positive rows and of all rows (weight 1 where none are given). */
export function labelWeights({ label, weight, rowCount }: TrainingTable): {
  readonly positive: number;
  readonly total: number;
} {
  let positive = 0;
  let total = 0;
  for (let row = 0; row < rowCount; row++) {
    const rowWeight = weight ? (weight[row] as number) : 1;
    total += rowWeight;
    if (label[row] === 1) positive += rowWeight;
  }
  return { positive, total };
}

/** Copies one row of the table, feature by feature. */
export function rowAt(table: TrainingTable, row: number): Float32Array {
  return Float32Array.from(table.features, ({ values }) => values[row] as number);
}

/** Features without a single value: no algorithm can learn from them. */
export function emptyFeatures(table: TrainingTable): string[] {
  return table.features
    .filter(({ values }) => values.every((value) => Number.isNaN(value)))
    .map(({ name }) => name);
}

function checkNames(features: readonly TableFeature[], field: string): void {
  const seen = new Set<string>();
  features.forEach(({ name }, index) => {
    if (name === '') throw invalid(`${field}.features.${index}.name`, 'must not be empty');
    if (seen.has(name))
      throw invalid(`${field}.features.${index}.name`, 'must be unique', { name });
    seen.add(name);
  });
}

function checkWeights(weight: Float32Array, rowCount: number, field: string): void {
  if (weight.length !== rowCount)
    throw invalid(`${field}.weight`, 'must have rowCount values', { length: weight.length });
  for (let row = 0; row < rowCount; row++) {
    const value = weight[row] as number;
    if (!(value >= 0 && Number.isFinite(value)))
      throw invalid(`${field}.weight`, 'must be finite and at least 0', { row });
  }
}
