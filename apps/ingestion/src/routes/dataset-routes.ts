import { AppError } from '@flywheel/core';
import { ingestion } from '@flywheel/contracts';
import type { Bus } from '@flywheel/kafka';
import type { ServiceContext } from '@flywheel/runtime';
import { sqlName, sqlText } from '@flywheel/storage';
import type { Analytics } from '@flywheel/storage';
import type { Catalog } from '../catalog/catalog.ts';
import { topicsOf } from '../handlers/archive-inference.ts';
import type { LakeWriter } from '../lake/lake-writer.ts';

type Parts = {
  bus: Bus;
  catalog: Catalog;
  lake: LakeWriter;
  openAnalytics: () => Promise<Analytics>;
  localFile: (key: string) => Promise<string>;
};

const COUNTED_WITHIN_MS = 20_000;
const PINNED_WITHIN_MS = 300_000;

/** The catalog: list, get, describe, preview, snapshots. */
export function datasetRoutes(http: ServiceContext<unknown>['http'], parts: Parts): void {
  const { bus, catalog, lake, openAnalytics, localFile } = parts;
  /** Waits until the lake has read what the log holds of a dataset. */
  const read = async (dataset: string, withinMs: number) => {
    for (const topic of topicsOf(dataset))
      if (!(await bus.caughtUp(topic, withinMs)))
        throw new AppError('unavailable', 'the records of the log are still being read');
  };

  http.operation(ingestion.listDatasets, async ({ query }) => ({
    datasets: await catalog.list(query.search),
  }));

  http.operation(ingestion.getDataset, async ({ params }) => {
    await read(params.dataset, COUNTED_WITHIN_MS);
    return catalog.get(params.dataset);
  });

  http.operation(ingestion.describeDataset, ({ params, body }) =>
    catalog.describe(params.dataset, body),
  );

  http.operation(ingestion.previewDataset, async ({ params, query }) => {
    await read(params.dataset, COUNTED_WITHIN_MS);
    const dataset = await catalog.get(params.dataset);
    if (lake.hasBuffered) await lake.flush();
    const files = catalog.filesOf(params.dataset).slice(-3);
    if (files.length === 0) return { columns: dataset.columns, rows: [] };
    const { columns } = await catalog.get(params.dataset);
    const paths = await Promise.all(files.map((file) => localFile(file.key)));
    await using analytics = await openAnalytics();
    const rows = await analytics.rows<Record<string, string | number | boolean | null>>(
      `select ${columns.map((column) => sqlName(column.name)).join(', ')} from read_parquet([${paths.map(sqlText).join(', ')}], union_by_name = true) limit ${query.limit}`,
    );
    return { columns, rows };
  });

  http.operation(ingestion.createSnapshot, async ({ params }) => {
    await read(params.dataset, PINNED_WITHIN_MS);
    await lake.flush();
    return catalog.createSnapshot(params.dataset);
  });

  http.operation(ingestion.getSnapshot, ({ params }) => catalog.snapshot(params.snapshot));
}
