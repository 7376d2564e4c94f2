import { newHexId } from '@flywheel/core';
import type { Clock } from '@flywheel/core';
import type { Sql, SqlTransaction } from '@flywheel/storage';
import { holdActiveExperiment } from '../experiments/experiment-store.ts';
import { randomName } from '../runs/run-name.ts';
import { notThere, refused } from '../wire/mlflow-errors.ts';
import type { Pair } from '../wire/parameters.ts';
import { modelColumns, statusWords } from './logged-model.ts';
import type { LoggedModel, LoggedModelRow, ModelStatus } from './logged-model.ts';
import { readModels } from './read-models.ts';

export type NewModel = {
  readonly experiment: string;
  readonly name: string | undefined;
  readonly modelType: string;
  readonly sourceRun: string;
  readonly params: readonly Pair[];
  readonly tags: readonly Pair[];
};

/** Models that training has logged: what they are, their params and tags. Their bytes are artifacts. */
export class LoggedModelStore {
  readonly #sql: Sql;
  readonly #clock: Clock;

  constructor({ sql, clock }: { sql: Sql; clock: Clock }) {
    this.#sql = sql;
    this.#clock = clock;
  }

  async create(model: NewModel): Promise<LoggedModel> {
    const id = `m-${newHexId()}`;
    const nowMs = this.#clock.nowMs();
    await this.#sql.transaction(async (tx) => {
      const root = await holdActiveExperiment(tx, model.experiment);
      await tx.query(
        `insert into logged_models (id, experiment, name, model_type, source_run, status, artifact_uri, created_ms, updated_ms)
         values ($1, $2, $3, $4, $5, 'PENDING', $6, $7, $7)`,
        [
          id,
          model.experiment,
          model.name ?? randomName(),
          model.modelType,
          model.sourceRun,
          `${root}/models/${id}/artifacts`,
          nowMs,
        ],
      );
      await putParams(tx, id, model.params);
      await putTags(tx, id, model.tags);
    });
    return this.get(id);
  }

  /** A deleted model is there only for who asks for it. */
  async get(id: string, options: { allowDeleted?: boolean } = {}): Promise<LoggedModel> {
    const [row] = await this.#sql.query<LoggedModelRow>(
      `select ${modelColumns} from logged_models m where m.id = $1`,
      [id],
    );
    if (!row || (row.lifecycle !== 'active' && options.allowDeleted !== true))
      throw modelNotThere(id);
    const [model] = await readModels(this.#sql, [row]);
    return model as LoggedModel; // one row makes one model
  }

  /** Sets the status; without one nothing changes. */
  async finalise(id: string, status: ModelStatus | undefined): Promise<LoggedModel> {
    await this.#change(id, async (tx) => {
      if (status !== undefined)
        await tx.query('update logged_models set status = $2 where id = $1', [
          id,
          statusWords[status],
        ]);
    });
    return this.get(id);
  }

  async delete(id: string): Promise<void> {
    await this.#change(id, (tx) =>
      tx.query("update logged_models set lifecycle = 'deleted' where id = $1", [id]),
    );
  }

  async setTags(id: string, tags: readonly Pair[]): Promise<void> {
    await this.#change(id, (tx) => putTags(tx, id, tags));
  }

  async deleteTag(id: string, key: string): Promise<void> {
    await this.#change(id, async (tx) => {
      const gone = await tx.query(
        'delete from logged_model_tags where model = $1 and key = $2 returning key',
        [id, key],
      );
      if (gone.length === 0)
        throw notThere(`No tag with key '${key}' found for model with ID '${id}'`);
    });
  }

  async logParams(id: string, params: readonly Pair[]): Promise<void> {
    await this.#change(id, (tx) => putParams(tx, id, params));
  }

  async #change(id: string, work: (tx: SqlTransaction) => Promise<unknown>): Promise<void> {
    await this.#sql.transaction(async (tx) => {
      const [row] = await tx.query<{ lifecycle: string }>(
        'select lifecycle from logged_models where id = $1 for no key update',
        [id],
      );
      if (row?.lifecycle !== 'active') throw modelNotThere(id);
      await work(tx);
      await tx.query('update logged_models set updated_ms = $2 where id = $1', [
        id,
        this.#clock.nowMs(),
      ]);
    });
  }
}

export function modelNotThere(id: string) {
  return notThere(`Logged model with ID '${id}' not found`);
}

async function putTags(tx: SqlTransaction, model: string, tags: readonly Pair[]): Promise<void> {
  if (tags.length === 0) return;
  const last = new Map(tags.map(({ key, value }) => [key, value]));
  await tx.query(
    `insert into logged_model_tags (model, key, value) select $1, * from unnest($2::text[], $3::text[])
     on conflict (model, key) do update set value = excluded.value`,
    [model, [...last.keys()], [...last.values()]],
  );
}

/** Params never change: the same value again is fine, another is refused. */
async function putParams(
  tx: SqlTransaction,
  model: string,
  params: readonly Pair[],
): Promise<void> {
  if (params.length === 0) return;
  const known = await tx.query<Pair>(
    `with made as (
       insert into logged_model_params (model, key, value) select $1, * from unnest($2::text[], $3::text[])
       on conflict (model, key) do nothing
     )
     select key, value from logged_model_params where model = $1 and key = any($2::text[])`,
    [model, params.map(({ key }) => key), params.map(({ value }) => value)],
  );
  const valueByKey = new Map(known.map(({ key, value }) => [key, value]));
  for (const { key, value } of params) {
    if ((valueByKey.get(key) ?? value) !== value)
      throw refused(`The param '${key}' of model '${model}' has another value already`, 'params');
    valueByKey.set(key, value);
  }
}
