import { newHexId } from '@flywheel/core';
import type { Sql, SqlTransaction } from '@flywheel/storage';
import { holdActiveExperiment } from '../experiments/experiment-store.ts';
import { invalidValue, notThere, refused } from '../wire/mlflow-errors.ts';
import type { Pair } from '../wire/parameters.ts';
import { readRuns } from './read-runs.ts';
import type { RunEvents } from './run-events.ts';
import { randomName } from './run-name.ts';
import { runColumns, toRunInfo } from './run.ts';
import type { Run, RunInfo, RunRow, RunStatus } from './run.ts';

const runNameTag = 'mlflow.runName';

export type NewRun = {
  readonly experiment: string;
  readonly userId: string;
  readonly name: string | undefined;
  readonly startMs: number;
  readonly tags: readonly Pair[];
};

/** Runs, their tags and their params. The tag `mlflow.runName` and the run's name are one and the same. */
export class RunStore {
  readonly #sql: Sql;
  readonly #events: RunEvents;

  constructor({ sql, events }: { sql: Sql; events: RunEvents }) {
    this.#sql = sql;
    this.#events = events;
  }

  async create({ experiment, userId, name, startMs, tags }: NewRun): Promise<Run> {
    const id = newHexId();
    const tagged = tags.find(({ key }) => key === runNameTag)?.value;
    if (name !== undefined && tagged !== undefined && tagged !== name)
      throw refused(
        `Both 'run_name' and the tag '${runNameTag}' are given, and they differ: '${name}', '${tagged}'`,
        'run_name',
      );
    const runName = name ?? (tagged === '' ? undefined : tagged) ?? randomName();
    const allTags = withName(tags, runName);
    const row = await this.#sql.transaction(async (tx) => {
      const root = await holdActiveExperiment(tx, experiment);
      const [made] = await tx.query<RunRow>(
        `insert into runs as r (id, experiment, name, user_id, status, start_ms, artifact_uri)
         values ($1, $2, $3, $4, 'RUNNING', $5, $6) returning ${runColumns}`,
        [id, experiment, runName, userId, startMs, `${root}/${id}/artifacts`],
      );
      const { number } = made as RunRow; // an insert without a condition gives its row
      await insertTags(tx, number, allTags);
      await this.#events.runStarted(tx, made as RunRow, allTags);
      return made as RunRow;
    });
    this.#events.wake();
    return { info: toRunInfo(row), data: { tags: allTags }, inputs: {} };
  }

  async get(id: string): Promise<Run> {
    const row = await this.#row(id);
    return (await readRuns(this.#sql, [row]))[0] as Run;
  }

  async info(id: string): Promise<RunInfo> {
    return toRunInfo(await this.#row(id));
  }

  async update(
    id: string,
    change: { status: RunStatus | undefined; endMs: number | undefined; name: string | undefined },
  ): Promise<RunInfo> {
    const row = await this.#change(id, async (tx, { number }) => {
      if (change.name !== undefined)
        await putTags(tx, number, [{ key: runNameTag, value: change.name }]);
      const [row] = await tx.query<RunRow>(
        `update runs r set status = coalesce($2, status), end_ms = coalesce($3, end_ms) where number = $1 returning ${runColumns}`,
        [number, change.status ?? null, change.endMs ?? null],
      );
      return row as RunRow;
    });
    return toRunInfo(row);
  }

  /** Deletes or restores; again makes no difference. */
  async move(id: string, lifecycle: 'active' | 'deleted'): Promise<void> {
    await this.#sql.transaction(async (tx) => {
      const run = await lockRun(tx, id);
      if (run.lifecycle === lifecycle) return;
      await tx.query('update runs set lifecycle = $2 where number = $1', [run.number, lifecycle]);
      await this.#events.runChanged(tx, run.number);
    });
    this.#events.wake();
  }

  async setTags(id: string, tags: readonly Pair[]): Promise<void> {
    await this.#change(id, (tx, { number }) => putTags(tx, number, tags));
  }

  async deleteTag(id: string, key: string): Promise<void> {
    await this.#change(id, async (tx, { number }) => {
      const gone = await tx.query(
        'delete from run_tags where run = $1 and key = $2 returning key',
        [number, key],
      );
      if (gone.length === 0) throw notThere(`No tag with name: ${key} in run with id ${id}`);
    });
  }

  async logParams(id: string, params: readonly Pair[]): Promise<void> {
    await this.#change(id, (tx, run) => putParams(tx, run, params));
  }

  /** A model that was logged by a 2.x client, as the tag in which it is looked for. */
  async logModel(id: string, model: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#change(id, async (tx, { number }) => {
      const [known] = await tx.query<{ value: string }>(
        'select value from run_tags where run = $1 and key = $2',
        [number, modelHistoryTag],
      );
      const models = [...historyIn(known?.value), model];
      await putTags(tx, number, [{ key: modelHistoryTag, value: JSON.stringify(models) }]);
    });
  }

  /** A change of an active run, told of in the same transaction. */
  async #change<Result>(
    id: string,
    work: (tx: SqlTransaction, run: LockedRun) => Promise<Result>,
  ): Promise<Result> {
    const result = await this.#sql.transaction(async (tx) => {
      const run = await lockActiveRun(tx, id);
      const changed = await work(tx, run);
      await this.#events.runChanged(tx, run.number);
      return changed;
    });
    this.#events.wake();
    return result;
  }

  async #row(id: string): Promise<RunRow> {
    const [row] = await this.#sql.query<RunRow>(
      `select ${runColumns} from runs r where r.id = $1`,
      [runIdOf(id)],
    );
    if (!row) throw runNotThere(id);
    return row;
  }
}

const modelHistoryTag = 'mlflow.log-model.history';

/** A client may have set the tag to anything: what is no list is begun anew. */
function historyIn(tag: string | undefined): unknown[] {
  try {
    const history: unknown = JSON.parse(tag ?? '[]');
    return Array.isArray(history) ? history : [];
  } catch {
    return [];
  }
}

export type LockedRun = {
  readonly number: number;
  readonly id: string;
  readonly experiment: string;
  readonly lifecycle: 'active' | 'deleted';
};

export function runIdOf(id: string, field = 'run_id'): string {
  if (!/^[a-zA-Z0-9][\w-]{0,255}$/.test(id))
    throw invalidValue(field, id, 'must be letters, digits, dashes and underscores');
  return id;
}

function runNotThere(id: string) {
  return notThere(`Run with id=${id} not found`);
}

/** The runs by id, held so that writers of one run come one after the other; always in the same order. */
export async function lockRuns(
  tx: SqlTransaction,
  ids: readonly string[],
): Promise<ReadonlyMap<string, LockedRun>> {
  const rows = await tx.query<LockedRun>(
    `select number, id, experiment::text, lifecycle from runs
     where id = any($1::text[]) order by number for no key update`,
    [ids],
  );
  return new Map(rows.map((row) => [row.id, row]));
}

async function lockRun(tx: SqlTransaction, id: string): Promise<LockedRun> {
  const run = (await lockRuns(tx, [runIdOf(id)])).get(id);
  if (!run) throw runNotThere(id);
  return run;
}

export async function lockActiveRun(tx: SqlTransaction, id: string): Promise<LockedRun> {
  return checkActive(await lockRun(tx, id), id);
}

/** Only what is there and not deleted may be written to. */
export function checkActive(run: LockedRun | undefined, id: string): LockedRun {
  if (!run) throw runNotThere(id);
  if (run.lifecycle !== 'active')
    throw refused(
      `The run ${id} must be in the 'active' state. Current state is deleted.`,
      'run_id',
    );
  return run;
}

/** Tags of a run, the last of each key, with its name as one of them; in the order in which they are read. */
function withName(tags: readonly Pair[], name: string): Pair[] {
  const last = new Map(tags.map(({ key, value }) => [key, value])).set(runNameTag, name);
  return [...last]
    .map(([key, value]) => ({ key, value }))
    .sort((left, right) => (left.key < right.key ? -1 : 1));
}

export async function putTags(
  tx: SqlTransaction,
  run: number,
  tags: readonly Pair[],
): Promise<void> {
  if (tags.length === 0) return;
  // of a key that is given twice the last counts, as if they had been set one after the other
  const last = new Map(tags.map(({ key, value }) => [key, value]));
  await insertTags(
    tx,
    run,
    [...last].map(([key, value]) => ({ key, value })),
  );
  const name = last.get(runNameTag);
  if (name !== undefined)
    await tx.query('update runs set name = $2 where number = $1', [run, name]);
}

async function insertTags(tx: SqlTransaction, run: number, tags: readonly Pair[]): Promise<void> {
  await tx.query(
    `insert into run_tags (run, key, value) select $1, * from unnest($2::text[], $3::text[])
     on conflict (run, key) do update set value = excluded.value`,
    [run, tags.map(({ key }) => key), tags.map(({ value }) => value)],
  );
}

/** Params never change: the same value again is fine, another is refused, and with it all of the call. */
export async function putParams(
  tx: SqlTransaction,
  run: LockedRun,
  params: readonly Pair[],
): Promise<void> {
  if (params.length === 0) return;
  const keys = params.map(({ key }) => key);
  const made = await tx.query<{ key: string }>(
    `insert into run_params (run, key, value) select $1, * from unnest($2::text[], $3::text[])
     on conflict (run, key) do nothing returning key`,
    [run.number, keys, params.map(({ value }) => value)],
  );
  if (made.length === params.length) return;
  const known = await tx.query<Pair>(
    'select key, value from run_params where run = $1 and key = any($2::text[])',
    [run.number, keys],
  );
  const valueByKey = new Map(known.map(({ key, value }) => [key, value]));
  for (const { key, value } of params) {
    const old = valueByKey.get(key);
    if (old !== undefined && old !== value)
      throw refused(
        `Changing param values is not allowed. Param with key='${key}' was already logged with value='${old}' for run ID='${run.id}'. Attempted logging new value '${value}'.`,
        'value',
      );
  }
}
