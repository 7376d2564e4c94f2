import type { Sql, SqlTransaction } from '@flywheel/storage';
import type { Int64 } from '../wire/int64.ts';
import type { Pair } from '../wire/parameters.ts';
import { lockActiveRun } from './run-store.ts';
import type { LockedRun } from './run-store.ts';
import type { Dataset } from './run.ts';

export type DatasetInput = { readonly dataset: Dataset; readonly tags: readonly Pair[] };

/** What a run has read and made: datasets and models. */
export class RunInputs {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** What is an input already stays as it is. */
  async logInputs(
    id: string,
    inputs: { datasets: readonly DatasetInput[]; models: readonly string[] },
  ): Promise<void> {
    await this.#sql.transaction(async (tx) => {
      const run = await lockActiveRun(tx, id);
      for (const input of inputs.datasets) await putDataset(tx, run, input);
      await putModels(
        tx,
        run,
        'input',
        inputs.models.map((model) => ({ model, step: 0 })),
      );
    });
  }

  async logOutputs(id: string, models: readonly { model: string; step: Int64 }[]): Promise<void> {
    await this.#sql.transaction(async (tx) => {
      await putModels(tx, await lockActiveRun(tx, id), 'output', models);
    });
  }
}

/** A dataset is one thing per experiment, known by name and digest. */
async function putDataset(
  tx: SqlTransaction,
  run: LockedRun,
  { dataset, tags }: DatasetInput,
): Promise<void> {
  const place = [run.experiment, dataset.name, dataset.digest];
  await tx.query(
    `insert into datasets (experiment, name, digest, source_type, source, schema, profile)
     values ($1, $2, $3, $4, $5, $6, $7) on conflict (experiment, name, digest) do nothing`,
    [
      ...place,
      dataset.source_type,
      dataset.source,
      dataset.schema ?? null,
      dataset.profile ?? null,
    ],
  );
  await tx.query(
    `insert into run_datasets (run, dataset, tags)
     select $4, id, $5 from datasets where experiment = $1 and name = $2 and digest = $3
     on conflict (run, dataset) do nothing`,
    [...place, run.number, JSON.stringify(tags)],
  );
}

async function putModels(
  tx: SqlTransaction,
  run: LockedRun,
  direction: 'input' | 'output',
  models: readonly { model: string; step: Int64 }[],
): Promise<void> {
  if (models.length === 0) return;
  await tx.query(
    `insert into run_models (run, direction, model, step)
     select $1, $2, * from unnest($3::text[], $4::bigint[])
     on conflict (run, direction, model, step) do nothing`,
    [run.number, direction, models.map(({ model }) => model), models.map(({ step }) => step)],
  );
}
