import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { newId } from '@flywheel/core';
import type { ingestion } from '@flywheel/contracts';
import { sqlName, sqlText } from '@flywheel/storage';
import type { Analytics, ObjectStore } from '@flywheel/storage';
import type { BufferedDataset } from './lake-buffer.ts';
import type { LakeFile } from './commit-log.ts';

const duckType: Readonly<Record<ingestion.Column['type'], string>> = {
  boolean: 'BOOLEAN',
  int64: 'BIGINT',
  double: 'DOUBLE',
  string: 'VARCHAR',
  timestamp: 'VARCHAR',
  json: 'VARCHAR',
};

/**
 * Writes buffered records as one Parquet object. The name is new each time, so that a file nobody committed is seen by
 * nobody. Types are those we observed: the reader never guesses (text that looks like a date stays text).
 */
export async function writeParquet(
  { analytics, objects }: { analytics: Analytics; objects: ObjectStore },
  buffered: BufferedDataset,
  nowMs: number,
): Promise<LakeFile> {
  const columns = buffered.schema.columns().filter((column) => !column.name.startsWith('_'));
  const struct = columns
    .map((column) => `${sqlName(column.name)} ${duckType[column.type]}`)
    .join(', ');
  const record = columns.length > 0 ? `, record: ${sqlText(`STRUCT(${struct})`)}` : '';
  const fields = columns
    .map((column) => `, record.${sqlName(column.name)} as ${sqlName(column.name)}`)
    .join('');
  const scratch = `${buffered.path}.parquet`;
  try {
    await analytics.run(`
      copy (
        select _id, _topic, _partition, _offset, make_timestamp_ms(_received_ms) as _received_at ${fields}
        from read_json(${sqlText(buffered.path)}, format = 'newline_delimited', maximum_object_size = 16777216,
          columns = {_id: 'VARCHAR', _topic: 'VARCHAR', _partition: 'INTEGER', _offset: 'BIGINT', _received_ms: 'BIGINT' ${record}})
      ) to ${sqlText(scratch)} (format parquet, compression zstd, row_group_size 122880)`);
    // No `name=value` folders: readers would take them for a column, and a dataset may have one of that name.
    const day = new Date(nowMs).toISOString().slice(0, 10);
    const key = `lake/${buffered.dataset}/${day}/${newId(nowMs)}.parquet`;
    const stored = await objects.put(key, createReadStream(scratch), {
      contentType: 'application/vnd.apache.parquet',
    });
    return { dataset: buffered.dataset, key, records: buffered.records, ...stored, columns };
  } finally {
    await rm(scratch, { force: true });
  }
}
