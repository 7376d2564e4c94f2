import type { Sql } from '@flywheel/storage';

export type DatasetSummary = {
  readonly experiment_id: string;
  readonly name: string;
  readonly digest: string;
  readonly context?: string;
};

const most = 1000;

/** The datasets that runs of these experiments have read, each with each of its contexts; at most 1000. */
export async function datasetSummaries(
  sql: Sql,
  experiments: readonly string[],
): Promise<DatasetSummary[]> {
  const rows = await sql.query<{
    experiment: string;
    name: string;
    digest: string;
    context: string | null;
  }>(
    `select distinct d.experiment::text as experiment, d.name, d.digest, t.item ->> 'value' as context
     from datasets d
     join run_datasets i on i.dataset = d.id
     join runs r on r.number = i.run and r.lifecycle = 'active'
     left join lateral jsonb_array_elements(i.tags) as t (item) on t.item ->> 'key' = 'mlflow.data.context'
     where d.experiment = any($1::bigint[])
     order by 1, 2, 3, 4 limit ${most}`,
    [experiments],
  );
  return rows.map(({ experiment, name, digest, context }) => ({
    experiment_id: experiment,
    name,
    digest,
    ...(context === null ? {} : { context }),
  }));
}
