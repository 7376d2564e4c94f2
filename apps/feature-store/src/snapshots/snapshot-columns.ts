import { invalid } from '@flywheel/core';
import type { featureStore, ingestion } from '@flywheel/contracts';
import type { ResolvedService, ResolvedView } from '../definitions/resolved-service.ts';
import type { SnapshotColumn } from './column-sql.ts';

/** Gives a snapshot's column by its name, refused where there is none of exactly that name. */
export type SnapshotColumns = (name: string) => SnapshotColumn;

/** The source of a view that a dataset is; refused when the view reads nothing of it. */
function sourceIn({ view }: ResolvedView, dataset: string, field: string): featureStore.ViewSource {
  const source = view.sources.find((one) => one.kind === 'dataset' && one.dataset === dataset);
  if (!source)
    throw invalid(field, `feature view "${view.name}" reads no rows of dataset "${dataset}"`, {
      view: view.name,
      dataset,
    });
  return source;
}

export function columnsOf(
  snapshot: Pick<ingestion.Snapshot, 'columns'>,
  field: string,
): SnapshotColumns {
  const columns = new Map(snapshot.columns.map((column) => [column.name, column]));
  return (name) => {
    const column = columns.get(name);
    if (!column)
      throw invalid(field, `the snapshot has no column "${name}"`, {
        column: name,
        columns: [...columns.keys()].slice(0, 100),
      });
    return column;
  };
}

/** What a view reads of a snapshot, all of it there. */
export function viewColumns(
  view: ResolvedView,
  snapshot: Pick<ingestion.Snapshot, 'columns' | 'dataset'>,
  field: string,
) {
  const columns = columnsOf(snapshot, field);
  const source = sourceIn(view, snapshot.dataset, field);
  return {
    source,
    keys: view.entity.keys.map(columns),
    event: columns(source.eventTime),
    known: columns(source.knownAt),
    values: view.plan.columns.map(columns),
  };
}

/** The column that tells when a row asks; of a service without one, its first view's event time. */
export function timeColumn(
  { service, views }: ResolvedService,
  dataset: string,
  columns: SnapshotColumns,
): SnapshotColumn {
  const [first] = views;
  if (service.predictionTime) return columns(service.predictionTime.column);
  if (!first) throw new Error('a service without a view');
  return columns(sourceIn(first, dataset, 'service').eventTime);
}
