import { stat } from 'node:fs/promises';
import { AppError, invalid } from '@flywheel/core';
import { ingestion, topics } from '@flywheel/contracts';
import type { Bus } from '@flywheel/kafka';
import type { ServiceContext } from '@flywheel/runtime';
import type { Analytics } from '@flywheel/storage';
import type { Batches } from '../catalog/batches.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { LakeWriter } from '../lake/lake-writer.ts';
import type { IngestionMetrics } from '../metrics.ts';
import { bodyFormat } from '../reading/body-format.ts';
import { diskError } from '../reading/on-disk.ts';
import { checkBatch, publishBatch } from '../reading/publish-batch.ts';
import { SpooledBody } from '../reading/spooled-body.ts';
import { toNdjson } from '../reading/to-ndjson.ts';
import { presentIndexes } from '../lake/present-indexes.ts';

type Parts = {
  bus: Bus;
  catalog: Catalog;
  batches: Batches;
  lake: LakeWriter;
  metrics: IngestionMetrics;
  openAnalytics: () => Promise<Analytics>;
  localFile: (key: string) => Promise<string>;
  folder: string;
  limits: { concurrentRequests: number; bodyBytes: number };
};

const CATCH_UP_WITHIN_MS = 60_000;
const datasetName = ingestion.dataset.shape.name;

/** Records of any of four formats: spooled, checked whole, published, and acknowledged once the log has them all. */
export function receiveRecords(http: ServiceContext<unknown>['http'], parts: Parts): void {
  let receiving = 0;
  http.route({
    service: 'ingestion',
    name: 'ingestion.receive-records',
    summary: 'Takes records into a dataset: NDJSON, JSON, CSV or Parquet, gzip allowed',
    method: 'POST',
    path: ingestion.recordsPath,
    body: 'stream',
    bodyLimitBytes: parts.limits.bodyBytes,
    handler: async ({ params, query, headers, body, signal }) => {
      const dataset = checkName(params['dataset'] ?? '');
      const keyColumns = checkKeyColumns(query.get('key'));
      const idempotencyKey = checkIdempotencyKey(query.get('idempotencyKey'));
      if (receiving >= parts.limits.concurrentRequests)
        throw new AppError('resource_exhausted', 'too many requests are bringing records', {
          details: { limit: parts.limits.concurrentRequests },
        });
      receiving++;
      try {
        await using spooled = await SpooledBody.receive(body, parts.folder, signal);
        return {
          body: await take(parts, spooled, {
            dataset,
            keyColumns,
            idempotencyKey,
            contentType: headers['content-type'],
          }),
        };
      } catch (error) {
        throw diskError(error);
      } finally {
        receiving--;
      }
    },
  });
}

async function take(
  parts: Parts,
  spooled: SpooledBody,
  request: {
    dataset: string;
    keyColumns: readonly string[] | undefined;
    idempotencyKey: string | undefined;
    contentType: string | undefined;
  },
): Promise<ingestion.RecordsAccepted> {
  const { bus, catalog, batches, metrics, openAnalytics } = parts;
  const format = bodyFormat(request.contentType, await spooled.firstBytes(4));
  const { size: sizeBytes } = await stat(spooled.path);
  if (sizeBytes === 0) throw invalid('body', 'must hold records');
  const file = await toNdjson(spooled, format, openAnalytics);
  const accepted = await checkBatch(file);

  const keyColumns = await catalog.ensure(
    request.dataset,
    request.keyColumns ? { keyColumns: request.keyColumns } : {},
  );
  const batch = await batches.begin(request.dataset, request.idempotencyKey);
  if (batch.state === 'done') return batch.reply;
  const present =
    batch.state === 'interrupted'
      ? await alreadyThere(parts, request.dataset, batch.id)
      : undefined;
  const offsets = await publishBatch(bus, {
    file,
    id: batch.id,
    dataset: request.dataset,
    keyColumns,
    ...(present ? { present } : {}),
  });
  const reply = { dataset: request.dataset, batch: batch.id, accepted, offsets };
  await batches.finish(reply, { format, sizeBytes, isKept: request.idempotencyKey !== undefined });
  metrics.records.add(accepted, { format });
  return reply;
}

/** Records of a batch that was cut off: all that the log has of it is brought to the lake, and looked up there. */
async function alreadyThere(
  { bus, lake, catalog, openAnalytics, localFile }: Parts,
  dataset: string,
  batch: string,
): Promise<ReadonlySet<number>> {
  if (!(await bus.caughtUp(topics.ingestRecords.name, CATCH_UP_WITHIN_MS)))
    throw new AppError('unavailable', 'the lake has not caught up with the log yet');
  await lake.flush();
  return presentIndexes(catalog.filesOf(dataset), batch, openAnalytics, localFile);
}

function checkName(name: string): string {
  const parsed = datasetName.safeParse(name);
  if (!parsed.success)
    throw invalid('dataset', parsed.error.issues[0]?.message ?? 'must be a name');
  return parsed.data;
}

function checkKeyColumns(text: string | null): readonly string[] | undefined {
  if (text === null) return undefined;
  const columns = text.split(',').map((column) => column.trim());
  if (columns.length > 10 || columns.some((column) => column === '' || column.length > 200))
    throw invalid('key', 'must be up to 10 column names, separated by commas');
  return columns;
}

function checkIdempotencyKey(text: string | null): string | undefined {
  if (text === null) return undefined;
  if (text === '' || text.length > 200)
    throw invalid('idempotencyKey', 'must have 1 to 200 characters');
  return text;
}
