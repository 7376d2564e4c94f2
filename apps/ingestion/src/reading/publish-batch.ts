import { invalid } from '@flywheel/core';
import { ingestion } from '@flywheel/contracts';
import type { Bus, Published } from '@flywheel/kafka';
import { readLines } from './read-lines.ts';

const CHUNK_RECORDS = 5000;
const CHUNK_BYTES = 4 * 1024 * 1024;
const MAXIMUM_RECORD_BYTES = 1_000_000;

export type BatchOffsets = ingestion.RecordsAccepted['offsets'];

/** Reads the whole file before anything is published: a record that is no JSON object refuses the batch. Gives the number of records. */
export async function checkBatch(file: string): Promise<number> {
  let records = 0;
  for await (const { bytes, number } of readLines(file)) {
    parseLine(bytes, number);
    records++;
  }
  return records;
}

/**
 * Publishes a checked batch; resolves once the log has all of it. The id of a record is `<batch>/<index>`: published
 * again it is the same record. Indexes in `present` are in the log already.
 */
export async function publishBatch(
  bus: Pick<Bus, 'publishOpaque'>,
  batch: {
    file: string;
    id: string;
    dataset: string;
    keyColumns: readonly string[];
    present?: ReadonlySet<number>;
  },
): Promise<BatchOffsets> {
  const offsets = new Map<number, { first: bigint; last: bigint; records: number }>();
  let chunk: { id: string; key: string; subject: string; value: Buffer }[] = [];
  let chunkBytes = 0;
  let index = 0;
  const flush = async () => {
    if (chunk.length === 0) return;
    note(offsets, await bus.publishOpaque(ingestion.recordReceived, chunk));
    chunk = [];
    chunkBytes = 0;
  };
  for await (const { bytes, number } of readLines(batch.file)) {
    const at = index++;
    if (batch.present?.has(at)) continue;
    const id = `${batch.id}/${at}`;
    chunk.push({
      id,
      key: `${batch.dataset}/${entityOf(bytes, number, batch.keyColumns) ?? id}`,
      subject: batch.dataset,
      value: bytes,
    });
    chunkBytes += bytes.length;
    if (chunk.length >= CHUNK_RECORDS || chunkBytes >= CHUNK_BYTES) await flush();
  }
  await flush();
  return [...offsets]
    .sort(([left], [right]) => left - right)
    .map(([partition, { first, last, records }]) => ({
      partition,
      first: String(first),
      last: String(last),
      records,
    }));
}

function entityOf(
  bytes: Buffer,
  number: number,
  keyColumns: readonly string[],
): string | undefined {
  if (keyColumns.length === 0) return undefined;
  const record = parseLine(bytes, number);
  const parts = keyColumns.map((column) => record[column]);
  return parts.some((part) => part === undefined || part === null)
    ? undefined
    : parts.map(String).join('|');
}

function parseLine(bytes: Buffer, number: number): Record<string, unknown> {
  if (bytes.length > MAXIMUM_RECORD_BYTES)
    throw invalid(`line ${number}`, `must have at most ${MAXIMUM_RECORD_BYTES} bytes`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw invalid(
      `line ${number}`,
      `must be a JSON object (${error instanceof Error ? error.message.slice(0, 200) : 'not JSON'})`,
    );
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw invalid(`line ${number}`, 'must be a JSON object');
  return parsed as Record<string, unknown>; // an object, as checked above
}

function note(
  offsets: Map<number, { first: bigint; last: bigint; records: number }>,
  published: readonly Published[],
): void {
  for (const { partition, offset } of published) {
    const at = BigInt(offset);
    const known = offsets.get(partition);
    if (!known) offsets.set(partition, { first: at, last: at, records: 1 });
    else {
      if (at < known.first) known.first = at;
      if (at > known.last) known.last = at;
      known.records++;
    }
  }
}
