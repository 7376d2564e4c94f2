import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { AppError, type Logger, invalid } from '@flywheel/core';
import { type Migration, checkMigrations, migrate } from './migrations.ts';
import { isTransient, toSqlError } from './sql-errors.ts';
import { sqlTypes, toParameter } from './sql-values.ts';

export type SqlRow = Record<string, unknown>;

/**
 * Runs statements. Values: $1, $2, …; a bigint is sent exactly, a plain object as JSON (an array as a PostgreSQL
 * array: write a JSON array as text with `exactJson`). Rows: int8 as number or an error, never rounded; json with
 * big integers as bigint; timestamptz as Date; numeric, date and timestamp as text; bytea as Buffer.
 * Errors: `conflict` for a unique violation (`details.constraint`), `unavailable` when the connection is lost,
 * `deadline_exceeded` for a statement time-out, else `internal` with the vendor's error as cause.
 */
export type SqlTransaction = {
  query<Row extends SqlRow = SqlRow>(text: string, values?: readonly unknown[]): Promise<Row[]>;
};

export type Sql = SqlTransaction & {
  /**
   * Commits what `work` did, or nothing. Run again a few times after a serialization failure or a deadlock, so
   * `work` must have no other effect than on `tx`. On the embedded server all transactions wait for one another:
   * keep it short and await nothing else inside; the outer `query` inside would wait for itself (`checkNesting`).
   */
  transaction<T>(work: (tx: SqlTransaction) => Promise<T>): Promise<T>;
} & AsyncDisposable;

export type SqlOptions = {
  url: string;
  schema: string;
  migrations: readonly Migration[];
  log: Logger;
  /** Default 4. */
  maxConnections?: number;
  /**
   * Refuses the outer `query` and `transaction` inside a transaction. For tests: before Node 24 it makes every promise
   * of the process dearer, by a tenth of a busy service.
   */
  checkNesting?: boolean;
};

const attempts = 5;

/** Opens a pool whose connections see `schema`, after its pending migrations have run. */
export async function openSql(options: SqlOptions): Promise<Sql> {
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(options.schema))
    throw invalid('schema', 'must be a lower-case SQL name');
  checkMigrations(options.migrations);
  const sql = new PooledSql(options);
  try {
    await sql.transaction((tx) => migrate(tx, options));
  } catch (error) {
    await sql[Symbol.asyncDispose]();
    throw error;
  }
  return sql;
}

class PooledSql implements Sql {
  readonly #pool: pg.Pool;
  readonly #log: Logger;
  readonly #openTransaction: AsyncLocalStorage<{ isOpen: boolean }> | undefined;
  #closing: Promise<void> | undefined;

  constructor({ url, schema, log, maxConnections = 4, checkNesting = false }: SqlOptions) {
    this.#log = log;
    this.#openTransaction = checkNesting ? new AsyncLocalStorage() : undefined;
    this.#pool = new pg.Pool({
      connectionString: url,
      options: `-c search_path=${schema}`,
      application_name: schema,
      max: maxConnections,
      idleTimeoutMillis: 60_000,
      connectionTimeoutMillis: 30_000,
      keepAlive: true,
      types: sqlTypes,
    });
    this.#pool.on('error', (err) => log.warn({ err }, 'a connection to the database was lost'));
  }

  async query<Row extends SqlRow>(text: string, values?: readonly unknown[]): Promise<Row[]> {
    if (this.#openTransaction?.getStore()?.isOpen)
      throw new Error('inside a transaction use its own query');
    return rowsOf<Row>(await run(this.#pool, text, values));
  }

  async transaction<T>(work: (tx: SqlTransaction) => Promise<T>): Promise<T> {
    if (this.#openTransaction?.getStore()?.isOpen)
      throw new Error('a transaction inside a transaction');
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#attempt(work);
      } catch (thrown) {
        if (!(thrown instanceof AppError) || !isTransient(thrown) || attempt === attempts)
          throw thrown;
        await delay(attempt * 20);
      }
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#pool.end();
    return this.#closing;
  }

  async #attempt<T>(work: (tx: SqlTransaction) => Promise<T>): Promise<T> {
    const client = await this.#connect();
    // Between two statements nobody else listens, and an unheard error ends the process.
    const onLost = (err: Error) => this.#log.warn({ err }, 'a transaction lost its connection');
    client.on('error', onLost);
    const state = { isOpen: true };
    let broken: Error | undefined;
    try {
      await run(client, 'begin');
      const tx: SqlTransaction = {
        query: async <Row extends SqlRow>(text: string, values?: readonly unknown[]) => {
          if (!state.isOpen) throw new Error('the transaction has ended');
          return rowsOf<Row>(await run(client, text, values));
        },
      };
      const result = await (this.#openTransaction?.run(state, work, tx) ?? work(tx));
      state.isOpen = false;
      const { command } = await run(client, 'commit');
      if (command !== 'COMMIT')
        throw new Error('an earlier error in the transaction was swallowed, so it was rolled back');
      return result;
    } catch (error) {
      state.isOpen = false;
      broken = await rollBack(client);
      throw error;
    } finally {
      client.off('error', onLost);
      client.release(broken);
    }
  }

  async #connect(): Promise<pg.PoolClient> {
    try {
      return await this.#pool.connect();
    } catch (error) {
      throw toSqlError(error);
    }
  }
}

async function run(
  client: pg.Pool | pg.PoolClient,
  text: string,
  values?: readonly unknown[],
): Promise<pg.QueryResult> {
  try {
    return await client.query(text, values?.map(toParameter));
  } catch (error) {
    throw toSqlError(error);
  }
}

/** The error that makes the connection useless, if there is one. */
async function rollBack(client: pg.PoolClient): Promise<Error | undefined> {
  try {
    await client.query('rollback');
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

/** pg answers a text of several statements with several results: the last one counts. */
function rowsOf<Row>(result: pg.QueryResult | pg.QueryResult[]): Row[] {
  const last = Array.isArray(result) ? result.at(-1) : result;
  return (last?.rows ?? []) as Row[];
}
