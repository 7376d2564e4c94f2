import { AppError, invalid } from '@flywheel/core';
import type { featureStore, trainer } from '@flywheel/contracts';
import { sqlName, sqlText } from '@flywheel/storage';
import type { Analytics } from '@flywheel/storage';
import type { TrainingTable } from '../algorithms/training-table.ts';

/** A finished training set and where its rows lie on this machine. */
export type LocalTrainingSet = {
  set: featureStore.TrainingSet;
  data: NonNullable<featureStore.TrainingSet['data']>;
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
 * `maximumRows` the parts for training and validation are thinned by a hash of each row's place, the same rows each time.
 */
export async function loadTables(
  analytics: Analytics,
  { features, file }: LocalTrainingSet,
  split: trainer.TrainingSpec['split'],
  { field, maximumRows }: { field: string; maximumRows?: number | undefined },
): Promise<SplitTables> {
  const validFromMs = Date.parse(split.validFrom);
  const testFromMs = split.testFrom === undefined ? undefined : Date.parse(split.testFrom);
  const source = `read_parquet(${sqlText(file)}, file_row_number = true)`;
  const range = {
    train: `prediction_time < ${validFromMs}`,
    validation: `prediction_time >= ${validFromMs}${testFromMs === undefined ? '' : ` and prediction_time < ${testFromMs}`}`,
    test: `prediction_time >= ${testFromMs ?? 0}`,
  };
  const read = async (part: keyof typeof range, mostRows?: number): Promise<TrainingTable> => {
    const thinned =
      mostRows === undefined ? '' : await thinning(analytics, source, range[part], mostRows);
    const columns = await analytics.columns(
      `select label::double as label, ${features.map((name) => `${sqlName(name)}::double as ${sqlName(name)}`).join(', ')}
       from ${source} where ${range[part]} ${thinned} order by file_row_number`,
    );
    const table = tableOf(columns, features);
    if (table.rowCount === 0) throw invalid(field, `leaves no rows for ${part}`);
    return table;
  };
  return {
    train: await read('train', maximumRows),
    validation: await read('validation', maximumRows),
    test: testFromMs === undefined ? undefined : await read('test'),
  };
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
