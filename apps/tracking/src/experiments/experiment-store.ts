import type { Clock } from '@flywheel/core';
import type { Sql, SqlTransaction } from '@flywheel/storage';
import {
  alreadyThere,
  invalidValue,
  notThere,
  refused,
  wrongState,
} from '../wire/mlflow-errors.ts';
import type { Pair } from '../wire/parameters.ts';
import type { RunEvents } from '../runs/run-events.ts';
import { experimentColumns, toExperiment } from './experiment.ts';
import type { Experiment, ExperimentRow } from './experiment.ts';

type Parts = { sql: Sql; events: RunEvents; clock: Clock };

/** Experiments and their tags. */
export class ExperimentStore {
  readonly #sql: Sql;
  readonly #events: RunEvents;
  readonly #clock: Clock;

  constructor({ sql, events, clock }: Parts) {
    this.#sql = sql;
    this.#events = events;
    this.#clock = clock;
  }

  /** A name is taken even by a deleted experiment. */
  async create(
    name: string,
    options: { artifactLocation: string | undefined; tags: readonly Pair[] },
  ): Promise<string> {
    const nowMs = this.#clock.nowMs();
    return this.#sql.transaction(async (tx) => {
      const [made] = await tx.query<{ id: string }>(
        `insert into experiments (name, artifact_location, created_ms, updated_ms)
         values ($1, '', $2, $2) on conflict (name) do nothing returning id::text`,
        [name, nowMs],
      );
      if (!made) throw nameIsTaken(name);
      await tx.query('update experiments set artifact_location = $2 where id = $1', [
        made.id,
        options.artifactLocation ?? `mlflow-artifacts:/${made.id}`,
      ]);
      for (const tag of options.tags) await putTag(tx, made.id, tag);
      return made.id;
    });
  }

  async get(id: string): Promise<Experiment> {
    const [row] = await this.#sql.query<ExperimentRow>(
      `select ${experimentColumns} from experiments e where e.id = $1`,
      [experimentIdOf(id)],
    );
    if (!row) throw experimentNotThere(id);
    return toExperiment(row);
  }

  async getByName(name: string): Promise<Experiment> {
    const [row] = await this.#sql.query<ExperimentRow>(
      `select ${experimentColumns} from experiments e where e.name = $1`,
      [name],
    );
    if (!row) throw notThere(`Could not find experiment with name '${name}'`);
    return toExperiment(row);
  }

  async rename(id: string, name: string): Promise<void> {
    await this.#sql.transaction(async (tx) => {
      const { lifecycle } = await lock(tx, id);
      if (lifecycle !== 'active')
        throw wrongState('Cannot rename a deleted experiment: restore it first');
      const [other] = await tx.query('select 1 from experiments where name = $1 and id <> $2', [
        name,
        id,
      ]);
      if (other) throw nameIsTaken(name);
      await tx.query('update experiments set name = $2, updated_ms = $3 where id = $1', [
        id,
        name,
        this.#clock.nowMs(),
      ]);
    });
  }

  /** Deletes or restores an experiment and all its runs. */
  async move(id: string, lifecycle: 'active' | 'deleted'): Promise<void> {
    await this.#sql.transaction(async (tx) => {
      const experiment = await lock(tx, id);
      if (experiment.lifecycle === lifecycle)
        throw notThere(
          `No ${lifecycle === 'deleted' ? 'active' : 'deleted'} experiment with id ${id} found`,
        );
      await tx.query('update experiments set lifecycle = $2, updated_ms = $3 where id = $1', [
        id,
        lifecycle,
        this.#clock.nowMs(),
      ]);
      const runs = await tx.query<{ number: number }>(
        'update runs set lifecycle = $2 where experiment = $1 and lifecycle <> $2 returning number',
        [id, lifecycle],
      );
      await this.#events.runsChanged(
        tx,
        runs.map(({ number }) => number),
      );
    });
    this.#events.wake();
  }

  async setTag(id: string, tag: Pair): Promise<void> {
    await this.#sql.transaction(async (tx) => {
      await lockActive(tx, id);
      await putTag(tx, id, tag);
      await this.#touch(tx, id);
    });
  }

  async deleteTag(id: string, key: string): Promise<void> {
    await this.#sql.transaction(async (tx) => {
      await lockActive(tx, id);
      const gone = await tx.query(
        'delete from experiment_tags where experiment = $1 and key = $2 returning key',
        [id, key],
      );
      if (gone.length === 0) throw notThere(`No tag with name: ${key} in experiment with id ${id}`);
      await this.#touch(tx, id);
    });
  }

  async #touch(tx: SqlTransaction, id: string): Promise<void> {
    await tx.query('update experiments set updated_ms = $2 where id = $1', [
      id,
      this.#clock.nowMs(),
    ]);
  }
}

/** Ids are 64-bit integers in text. */
export function experimentIdOf(id: string, field = 'experiment_id'): string {
  if (!/^\d{1,18}$/.test(id)) throw invalidValue(field, id, 'must be an integer in text');
  return String(BigInt(id));
}

function experimentNotThere(id: string) {
  return notThere(`No experiment with id ${id} exists: Experiment with id=${id} not found`);
}

/** The experiment, held against changes until the transaction ends; runs cannot join it while it is being deleted. */
async function lock(
  tx: SqlTransaction,
  id: string,
): Promise<{ lifecycle: string; artifact_location: string }> {
  const [row] = await tx.query<{ lifecycle: string; artifact_location: string }>(
    'select lifecycle, artifact_location from experiments where id = $1 for update',
    [experimentIdOf(id)],
  );
  if (!row) throw experimentNotThere(id);
  return row;
}

async function lockActive(tx: SqlTransaction, id: string): Promise<void> {
  const { lifecycle } = await lock(tx, id);
  if (lifecycle !== 'active') throw experimentNotActive(id);
}

function experimentNotActive(id: string) {
  return refused(`The experiment ${id} must be in the 'active' state. Current state is deleted.`);
}

/** The artifact location of an experiment that takes runs and models; held so that it is not deleted meanwhile. */
export async function holdActiveExperiment(tx: SqlTransaction, id: string): Promise<string> {
  const [row] = await tx.query<{ lifecycle: string; artifact_location: string }>(
    'select lifecycle, artifact_location from experiments where id = $1 for share',
    [id],
  );
  if (!row) throw experimentNotThere(id);
  if (row.lifecycle !== 'active') throw experimentNotActive(id);
  return row.artifact_location;
}

function putTag(tx: SqlTransaction, id: string, { key, value }: Pair): Promise<unknown> {
  return tx.query(
    `insert into experiment_tags (experiment, key, value) values ($1, $2, $3)
     on conflict (experiment, key) do update set value = excluded.value`,
    [id, key, value],
  );
}

function nameIsTaken(name: string) {
  return alreadyThere(`Experiment(name=${name}) already exists.`);
}
