import { AppError, invalid } from '@flywheel/core';
import type { featureStore, trainer } from '@flywheel/contracts';
import { sqlName, sqlText } from '@flywheel/storage';
import type { Analytics } from '@flywheel/storage';
import type { TrainingTable } from '../algorithms/training-table.ts';

/** A finished training set and where its rows lie on this machine. */
export type LocalTrainingSet = {
  set: featureStore.TrainingSet;
  features: readonly string[];
  file: string;
};

export type SplitTables = {
  train: TrainingTable;
  validation: TrainingTable;
  test: TrainingTable | undefined;
};

/**
 * Reads a training set column by column and splits it by prediction time: never a row of the future in training. With
 * `maximumRows` the training part is thinned by a hash of each row's place, the same rows each time.
 */
export async function loadTables(
  analytics: Analytics,
  { features, file }: LocalTrainingSet,
  split: trainer.TrainingSpec['split'],
  options: { maximumRows?: number | undefined } = {},
): Promise<SplitTables> {
  const validFromMs = Date.parse(split.validFrom);
  const testFromMs = split.testFrom === undefined ? undefined : Date.parse(split.testFrom);
  if (testFromMs !== undefined && testFromMs <= validFromMs)
    throw invalid('split.testFrom', 'must be later than validFrom');
  const source = `read_parquet(${sqlText(file)}, file_row_number = true)`;
  const range = {
    train: `prediction_time < ${validFromMs}`,
    validation: `prediction_time >= ${validFromMs}${testFromMs === undefined ? '' : ` and prediction_time < ${testFromMs}`}`,
    test: `prediction_time >= ${testFromMs ?? 0}`,
  };
  const read = async (part: keyof typeof range, maximumRows?: number): Promise<TrainingTable> => {
    const thinned =
      maximumRows === undefined ? '' : await thinning(analytics, source, range[part], maximumRows);
    const columns = await analytics.columns(
      `select label::double as label, ${features.map((name) => `${sqlName(name)}::double as ${sqlName(name)}`).join(', ')}
       from ${source} where ${range[part]} ${thinned} order by file_row_number`,
    );
    return tableOf(columns, features);
  };
  const train = await read('train', options.maximumRows);
  const validation = await read('validation', options.maximumRows);
  for (const [part, table] of [
    ['train', train],
    ['validation', validation],
  ] as const)
    if (table.rowCount === 0)
      throw new AppError('invalid_argument', `spec.split: leaves no rows for ${part}`, {
        details: { field: 'spec.split', rule: `must leave rows for ${part}` },
      });
  return { train, validation, test: testFromMs === undefined ? undefined : await read('test') };
}

async function thinning(
  analytics: Analytics,
  source: string,
  where: string,
  maximumRows: number,
): Promise<string> {
  const [counted] = await analytics.rows<{ n: number }>(
    `select count(*)::double as n from ${source} where ${where}`,
  );
  const rows = counted?.n ?? 0;
  if (rows <= maximumRows) return '';
  return `and (hash(file_row_number) % 1000000) < ${Math.floor((maximumRows / rows) * 1_000_000)}`;
}

function tableOf(
  columns: ReadonlyMap<string, Float64Array | (string | undefined)[]>,
  features: readonly string[],
): TrainingTable {
  const numbers = (name: string): Float32Array => {
    const values = columns.get(name);
    if (!(values instanceof Float64Array))
      throw new AppError('invalid_argument', 'a column of the training set is no number', {
        details: { column: name },
      });
    return shared(values);
  };
  const label = numbers('label');
  return {
    rowCount: label.length,
    features: features.map((name) => ({ name, values: numbers(name) })),
    label,
  };
}

/** Shared memory: trials and the parity check read the same rows without copying them. */
function shared(values: Float64Array): Float32Array {
  const floats = new Float32Array(new SharedArrayBuffer(values.length * 4));
  floats.set(values);
  return floats;
}
