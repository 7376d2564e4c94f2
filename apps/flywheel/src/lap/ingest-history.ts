import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { ingestion } from '@flywheel/contracts';
import type { FlightData } from './flights.ts';
import { waitUntil } from './lap-client.ts';
import type { LapClient } from './lap-client.ts';
import type { LapNames } from './lap-names.ts';
import type { StepProgress } from './progress.ts';
import { ensure } from './step-list.ts';
import type { Facts } from './step-list.ts';

const APRIL_BATCH_ROWS = 5000;

/** What the log acknowledged: the number of records of each batch. */
export type AcknowledgedBatches = Map<string, number>;

/** Step 1: January to March as one Parquet body, April as NDJSON batches; every row must be counted once. */
export async function ingestHistory(
  {
    client,
    names,
    flights,
    folder,
  }: { client: LapClient; names: LapNames; flights: FlightData; folder: string },
  progress: StepProgress,
): Promise<{ facts: Facts; acknowledged: AcknowledgedBatches; records: number }> {
  const acknowledged: AcknowledgedBatches = new Map();
  const options = (part: string) => ({
    key: 'origin',
    idempotencyKey: digest(`${names.dataset}/${flights.rows}/${part}`),
  });
  const april = await flights.count('april');
  const file = join(folder, 'history.parquet');
  const history = await flights.writeParquet('history', file);
  const total = history + april;

  const first = await client.sendRecords(
    names.dataset,
    { contentType: 'application/vnd.apache.parquet', file },
    options('history'),
  );
  ensure(
    first.accepted === history,
    `ingestion accepted ${first.accepted} of ${history} rows of the Parquet body`,
  );
  acknowledged.set(first.batch, first.accepted);
  progress.update(history, total, 'records');

  let sent = history;
  let batchNumber = 0;
  for await (const batch of flights.records('april', APRIL_BATCH_ROWS)) {
    const text = batch.map((record) => JSON.stringify(record)).join('\n');
    const answer = await client.sendRecords(
      names.dataset,
      { contentType: 'application/x-ndjson', text },
      options(`april-${batchNumber++}`),
    );
    ensure(
      answer.accepted === batch.length,
      `ingestion accepted ${answer.accepted} of ${batch.length} rows of an NDJSON batch`,
    );
    acknowledged.set(answer.batch, answer.accepted);
    sent += batch.length;
    progress.update(sent, total, 'records');
  }

  await client.call(ingestion.describeDataset, {
    params: { dataset: names.dataset },
    body: {
      description: 'US flights of 2001 as they landed',
      owner: 'operations',
      tags: ['flights', 'public-domain'],
    },
  });
  const dataset = await waitUntil(
    'the records to be counted',
    () => client.call(ingestion.getDataset, { params: { dataset: names.dataset } }),
    () => true,
  );
  ensure(
    dataset.records === total,
    `the catalog counts ${dataset.records} records where ${total} were sent`,
  );
  const { columns } = await waitUntil(
    'the preview of the dataset', // it shows what is in the lake
    () =>
      client.call(ingestion.previewDataset, {
        params: { dataset: names.dataset },
        query: { limit: 5 },
      }),
    ({ rows }) => rows.length === 5,
  );
  return {
    facts: {
      records: dataset.records,
      batches: acknowledged.size,
      columns: columns.length,
      origins: flights.origins,
    },
    acknowledged,
    records: dataset.records,
  };
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}
