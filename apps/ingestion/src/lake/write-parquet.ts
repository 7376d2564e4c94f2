import { createReadStream, createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { AppError, newId } from '@flywheel/core';
import type { ingestion } from '@flywheel/contracts';
import { sqlName, sqlText } from '@flywheel/storage';
import type { Analytics, ObjectStore } from '@flywheel/storage';
import { readLines } from '../reading/read-lines.ts';
import type { BufferedDataset } from './lake-buffer.ts';
import { RECORD_MEMBER } from './lake-buffer.ts';
import type { LakeFile } from './commit-log.ts';
import { lakeColumns } from './lake-columns.ts';
import type { LakeColumns } from './lake-columns.ts';
import { plainRecord } from './plain-record.ts';

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
 * nobody. Types are those we observed: the reader never guesses (text that looks like a date stays text). Records that
 * a table does not take as they are, are made plain first; a record never stands in the way of the others.
 */
export async function writeParquet(
  { analytics, objects }: { analytics: Analytics; objects: ObjectStore },
  buffered: BufferedDataset,
  nowMs: number,
): Promise<LakeFile> {
  const shape = lakeColumns(buffered.schema.columns());
  const plain = `${buffered.path}.plain`;
  const scratch = `${buffered.path}.parquet`;
  const copy = (path: string) => analytics.run(copySql(path, shape.columns, scratch));
  try {
    if (!shape.isPlain || !(await succeeds(() => copy(buffered.path)))) {
      await makePlain(buffered.path, plain, shape);
      await copy(plain);
    }
    // No `name=value` folders: readers would take them for a column, and a dataset may have one of that name.
    const day = new Date(nowMs).toISOString().slice(0, 10);
    const key = `lake/${buffered.dataset}/${day}/${newId(nowMs)}.parquet`;
    const body = createReadStream(scratch);
    body.on('error', () => undefined); // whoever reads it tells; unread, it may meet the removal below
    const stored = await objects.put(key, body, {
      contentType: 'application/vnd.apache.parquet',
    });
    return {
      dataset: buffered.dataset,
      key,
      records: buffered.records,
      ...stored,
      columns: [...shape.columns],
    };
  } finally {
    await rm(plain, { force: true });
    await rm(scratch, { force: true });
  }
}

/** False when the data do not fit: a name that comes twice in a record, half a character. */
async function succeeds(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (error instanceof AppError && error.code === 'invalid_argument') return false;
    throw error;
  }
}

async function makePlain(from: string, to: string, { names }: LakeColumns): Promise<void> {
  await pipeline(async function* () {
    for await (const { bytes } of readLines(from)) {
      const line = bytes.toString('utf8');
      const record = line.indexOf(RECORD_MEMBER) + RECORD_MEMBER.length;
      yield `${line.slice(0, record)}${plainRecord(line.slice(record, -1), names)}}\n`;
    }
  }, createWriteStream(to));
}

function copySql(path: string, columns: readonly ingestion.Column[], scratch: string): string {
  const struct = columns
    .map((column) => `${sqlName(column.name)} ${duckType[column.type]}`)
    .join(', ');
  const record = columns.length > 0 ? `, record: ${sqlText(`STRUCT(${struct})`)}` : '';
  const fields = columns
    .map((column) => `, record.${sqlName(column.name)} as ${sqlName(column.name)}`)
    .join('');
  return `
    copy (
      select _id, _topic, _partition, _offset, make_timestamp_ms(_received_ms) as _received_at ${fields}
      from read_json(${sqlText(path)}, format = 'newline_delimited', maximum_object_size = 16777216,
        columns = {_id: 'VARCHAR', _topic: 'VARCHAR', _partition: 'INTEGER', _offset: 'BIGINT', _received_ms: 'BIGINT' ${record}})
    ) to ${sqlText(scratch)} (format parquet, compression zstd, row_group_size 122880)`;
}
