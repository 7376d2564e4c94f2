import { canonicalJson, sha256 } from '@flywheel/core';
import { z } from 'zod';
import { defineEvent } from './event.ts';
import { defineOperation } from './operation.ts';
import { count, datasetName, instant, objectReference, scalar, sha256Hex } from './shapes.ts';
import { topics } from './topics.ts';

/**
 * One record as it was received. Published as opaque bytes: the value is the record's JSON, `subject` is the dataset,
 * the key is `<dataset>/<entity>`, the id is unique for the record within the dataset (`<batch>/<index>`).
 */
export const recordReceived = defineEvent({
  type: 'ingestion.record-received',
  topic: topics.ingestRecords,
  data: z.record(z.string(), z.unknown()),
  key: (record) => sha256(canonicalJson(record)).slice(0, 32),
});

/** A request was taken in whole: its records are in the log. */
export const batchReceived = defineEvent({
  type: 'ingestion.batch-received',
  topic: topics.ingestBatches,
  data: z.object({
    dataset: datasetName,
    batch: z.string(),
    format: z.enum(['json', 'ndjson', 'csv', 'parquet']),
    records: count,
    sizeBytes: count,
  }),
  key: (data) => data.dataset,
});

export const columnType = z.enum(['boolean', 'int64', 'double', 'string', 'timestamp', 'json']);
export const column = z.object({
  name: z.string(),
  type: columnType,
  nullable: z.boolean(),
});
export type Column = z.output<typeof column>;

/** An immutable view of a dataset: these files, in this order, and nothing else, for ever. */
export const snapshot = z.object({
  id: z.string(),
  dataset: datasetName,
  createdAt: instant,
  /** Number of the lake's commit that the snapshot pins. */
  sequence: count,
  records: count,
  columns: z.array(column),
  /** SHA-256 over the ordered digests of the files. */
  digest: sha256Hex,
  files: z.array(objectReference.extend({ records: count })),
});
export type Snapshot = z.output<typeof snapshot>;

export const snapshotCreated = defineEvent({
  type: 'ingestion.snapshot-created',
  topic: topics.ingestSnapshots,
  data: snapshot,
  key: (data) => data.dataset,
});

export const dataset = z.object({
  name: datasetName,
  description: z.string(),
  owner: z.string(),
  tags: z.array(z.string()),
  /** Columns whose values, joined, are the entity that orders the records. */
  key: z.array(z.string()),
  createdAt: instant,
  updatedAt: instant,
  columns: z.array(column),
  /** Distinct records acknowledged so far: in the lake or still on their way to it. */
  records: count,
  lake: z.object({ records: count, files: count, sizeBytes: count, sequence: count }),
});
export type Dataset = z.output<typeof dataset>;

/** Complete state of a dataset in the catalog (without live counts of the log). */
export const datasetDescribed = defineEvent({
  type: 'ingestion.dataset-described',
  topic: topics.catalogDatasets,
  data: dataset,
  key: (data) => data.name,
});

const byDataset = z.object({ dataset: datasetName });

/**
 * Takes records in: NDJSON, JSON (an object or an array), CSV or Parquet by content type, gzip allowed. Served as a
 * streaming route; this is its reply. `?key=a,b` names the entity columns of a new dataset, `?idempotencyKey=` makes a
 * retry of the same request harmless.
 */
export const recordsAccepted = z.object({
  dataset: datasetName,
  batch: z.string(),
  accepted: count,
  /** Where the records lie in the log. */
  offsets: z.array(
    z.object({ partition: count, first: z.string(), last: z.string(), records: count }),
  ),
});
export type RecordsAccepted = z.output<typeof recordsAccepted>;
export const recordsPath = '/api/ingestion/datasets/:dataset/records';

export const listDatasets = defineOperation({
  name: 'ingestion.list-datasets',
  service: 'ingestion',
  method: 'GET',
  path: '/api/ingestion/datasets',
  summary: 'Lists the datasets of the catalog',
  query: z.object({ search: z.string().optional() }),
  reply: z.object({ datasets: z.array(dataset) }),
});

/** Waits (bounded) until every record acknowledged before the call is counted. */
export const getDataset = defineOperation({
  name: 'ingestion.get-dataset',
  service: 'ingestion',
  method: 'GET',
  path: '/api/ingestion/datasets/:dataset',
  summary: 'Describes a dataset: schema, counts, owner, lake files',
  params: byDataset,
  reply: dataset,
});

export const describeDataset = defineOperation({
  name: 'ingestion.describe-dataset',
  service: 'ingestion',
  method: 'PATCH',
  path: '/api/ingestion/datasets/:dataset',
  summary: 'Sets description, owner, tags of a dataset',
  params: byDataset,
  body: z.object({
    description: z.string().max(5000).optional(),
    owner: z.string().max(200).optional(),
    tags: z.array(z.string().max(100)).max(50).optional(),
  }),
  reply: dataset,
});

export const previewDataset = defineOperation({
  name: 'ingestion.preview-dataset',
  service: 'ingestion',
  method: 'GET',
  path: '/api/ingestion/datasets/:dataset/preview',
  summary: 'Shows the first rows of a dataset',
  params: byDataset,
  query: z.object({ limit: z.coerce.number().int().min(1).max(1000).default(20) }),
  reply: z.object({ columns: z.array(column), rows: z.array(z.record(z.string(), scalar)) }),
});

/** Pins what is acknowledged at the moment of the call: waits until the log's records up to now are in the lake. */
export const createSnapshot = defineOperation({
  name: 'ingestion.create-snapshot',
  service: 'ingestion',
  method: 'POST',
  path: '/api/ingestion/datasets/:dataset/snapshots',
  idempotent: true,
  summary: 'Creates an immutable snapshot of a dataset as of now',
  params: byDataset,
  reply: snapshot,
  status: 201,
});

export const getSnapshot = defineOperation({
  name: 'ingestion.get-snapshot',
  service: 'ingestion',
  method: 'GET',
  path: '/api/ingestion/snapshots/:snapshot',
  summary: 'Gives a snapshot by its id',
  params: z.object({ snapshot: z.string().min(1) }),
  reply: snapshot,
});
