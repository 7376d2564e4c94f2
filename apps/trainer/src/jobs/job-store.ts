import { AppError } from '@flywheel/core';
import { trainer } from '@flywheel/contracts';
import type { Outbox, SqlTransaction } from '@flywheel/kafka';
import type { Sql } from '@flywheel/storage';

export type StoredJob = {
  job: trainer.Job;
  experiment: string;
  registerAs: string | undefined;
};

type JobRow = {
  job: unknown;
  experiment: string | null;
  register_as: string | null;
};

const COLUMNS = 'job, experiment, register_as';

/** Jobs in SQL; every change of state is an event of the same transaction. */
export class JobStore {
  readonly #sql: Sql;
  readonly #outbox: Outbox;

  constructor(options: { sql: Sql; outbox: Outbox }) {
    this.#sql = options.sql;
    this.#outbox = options.outbox;
  }

  async transaction<T>(work: (tx: SqlTransaction) => Promise<T>): Promise<T> {
    const result = await this.#sql.transaction(work);
    this.#outbox.wake();
    return result;
  }

  async insert(tx: SqlTransaction, { job, experiment, registerAs }: StoredJob): Promise<void> {
    await tx.query(
      'insert into jobs (id, run_key, state, experiment, register_as, job) values ($1, $2, $3, $4, $5, $6)',
      [job.id, job.runKey, job.state, experiment, registerAs ?? null, JSON.stringify(job)],
    );
    await this.#outbox.add(tx, trainer.jobChanged, job);
  }

  async update(tx: SqlTransaction, job: trainer.Job): Promise<void> {
    await tx.query('update jobs set state = $2, job = $3 where id = $1', [
      job.id,
      job.state,
      JSON.stringify(job),
    ]);
    await this.#outbox.add(tx, trainer.jobChanged, job);
  }

  /** In a transaction nobody else changes it until the end. */
  async get(id: string, tx?: SqlTransaction): Promise<StoredJob> {
    const [row] = await (tx ?? this.#sql).query<JobRow>(
      `select ${COLUMNS} from jobs where id = $1 ${tx ? 'for update' : ''}`,
      [id],
    );
    if (!row) throw new AppError('not_found', 'there is no such job', { details: { job: id } });
    return storedJob(row);
  }

  async list(state: string | undefined): Promise<trainer.Job[]> {
    const rows = await this.#sql.query<JobRow>(
      `select ${COLUMNS} from jobs where $1::text is null or state = $1 order by created_at desc, id desc limit 500`,
      [state ?? null],
    );
    return rows.map((row) => storedJob(row).job);
  }

  /** The newest job with this key, registered under this name if one is given, that has succeeded, or that waits or runs. */
  async findByRunKey(
    { runKey, registerAs }: { runKey: string; registerAs?: string | undefined },
    kind: 'succeeded' | 'unfinished',
    tx: Pick<SqlTransaction, 'query'> = this.#sql,
  ): Promise<StoredJob | undefined> {
    const [row] = await tx.query<JobRow>(
      `select ${COLUMNS} from jobs
       where run_key = $1 and state = any($2) and ($3::text is null or register_as = $3)
       order by created_at desc, id desc limit 1`,
      [runKey, kind === 'succeeded' ? ['succeeded'] : ['queued', 'running'], registerAs ?? null],
    );
    return row && storedJob(row);
  }

  async unfinished(): Promise<StoredJob[]> {
    const rows = await this.#sql.query<JobRow>(
      `select ${COLUMNS} from jobs where state in ('queued', 'running') order by created_at, id`,
    );
    return rows.map(storedJob);
  }
}

function storedJob(row: JobRow): StoredJob {
  return {
    job: trainer.job.parse(row.job),
    experiment: row.experiment ?? '',
    registerAs: row.register_as ?? undefined,
  };
}
