import { mkdirSync, realpathSync } from 'node:fs';
import {
  type DuckDBConnection,
  type DuckDBDataChunk,
  DuckDBInstance,
  type DuckDBResult,
} from '@duckdb/node-api';
import { AppError } from '@flywheel/core';
import {
  type Analytics,
  type AnalyticsColumn,
  type AnalyticsOptions,
  type AnalyticsRow,
  type AnalyticsValue,
  sqlText,
} from './analytics.ts';
import { ColumnBuilder } from './column-builder.ts';
import { toAnalyticsError } from './duckdb-errors.ts';
import { fromDuckDb, toDuckDb } from './duckdb-values.ts';
import type { CallOptions } from './online-store.ts';

const closeAfterIdleMs = 30_000;
const interruptEveryMs = 20;

export class DuckDbAnalytics implements Analytics {
  readonly #options: AnalyticsOptions;
  #instance: Promise<DuckDBInstance> | undefined;
  #running = 0;
  #idle: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: AnalyticsOptions) {
    this.#options = options;
  }

  async run(
    sql: string,
    values?: readonly AnalyticsValue[],
    { signal }: CallOptions = {},
  ): Promise<void> {
    using lease = await this.#connect(signal);
    try {
      await lease.connection.run(sql, values?.map(toDuckDb));
    } catch (error) {
      throw toAnalyticsError(error);
    }
  }

  async rows<Row extends AnalyticsRow = AnalyticsRow>(
    sql: string,
    values?: readonly AnalyticsValue[],
    options: CallOptions = {},
  ): Promise<Row[]> {
    const rows: Row[] = [];
    for await (const batch of this.batches<Row>(sql, values, options)) rows.push(...batch);
    return rows;
  }

  async *batches<Row extends AnalyticsRow = AnalyticsRow>(
    sql: string,
    values?: readonly AnalyticsValue[],
    { signal }: CallOptions = {},
  ): AsyncGenerator<Row[]> {
    let names: string[] = [];
    const seen = (result: DuckDBResult) => (names = result.deduplicatedColumnNames());
    for await (const chunk of this.#chunks({ sql, values, signal, seen }))
      yield rowsOf(chunk, names) as Row[];
  }

  async columns(
    sql: string,
    values?: readonly AnalyticsValue[],
    { signal }: CallOptions = {},
  ): Promise<ReadonlyMap<string, AnalyticsColumn>> {
    let builders: ColumnBuilder[] = [];
    const seen = (result: DuckDBResult) => {
      builders = result
        .deduplicatedColumnNames()
        .map((name, index) => new ColumnBuilder(name, result.columnTypeId(index)));
    };
    for await (const chunk of this.#chunks({ sql, values, signal, seen }))
      for (const [index, builder] of builders.entries())
        builder.append(chunk.getColumnVector(index));
    return new Map(builders.map((builder) => [builder.name, builder.finish()]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#idle);
    const instance = await this.#instance;
    this.#instance = undefined;
    instance?.closeSync();
  }

  async *#chunks(call: {
    sql: string;
    values: readonly AnalyticsValue[] | undefined;
    signal: AbortSignal | undefined;
    seen: (result: DuckDBResult) => void;
  }): AsyncGenerator<DuckDBDataChunk> {
    using lease = await this.#connect(call.signal);
    try {
      const result = await lease.connection.stream(call.sql, call.values?.map(toDuckDb));
      call.seen(result);
      for (;;) {
        const chunk = await result.fetchChunk();
        if (!chunk || chunk.rowCount === 0) return;
        yield chunk;
      }
    } catch (error) {
      throw toAnalyticsError(error);
    }
  }

  /** A connection for one call; a second statement on the same one would end a stream. */
  async #connect(
    signal: AbortSignal | undefined,
  ): Promise<{ connection: DuckDBConnection } & Disposable> {
    if (this.#isClosed) throw new Error('the analytics are closed');
    if (signal?.aborted) throw new AppError('cancelled', 'cancelled', { cause: signal.reason });
    clearTimeout(this.#idle);
    this.#running++;
    try {
      const connection = await (await this.#open()).connect();
      const interruption = interruptWhenAborted(connection, signal);
      return {
        connection,
        [Symbol.dispose]: () => {
          interruption.stop();
          connection.closeSync();
          this.#leave();
        },
      };
    } catch (error) {
      this.#leave();
      throw toAnalyticsError(error);
    }
  }

  #leave(): void {
    this.#running--;
    if (this.#running > 0 || this.#isClosed) return;
    this.#idle = setTimeout(() => void this.#closeUnlessUsed(), closeAfterIdleMs).unref();
  }

  async #closeUnlessUsed(): Promise<void> {
    const instance = await this.#instance;
    if (!instance || this.#running > 0) return;
    const connection = await instance.connect();
    const made = await connection.runAndReadAll(
      `select 1 from duckdb_tables() union all select 1 from duckdb_views() where not internal
       union all select 1 from duckdb_functions() where not internal`,
    );
    connection.closeSync();
    if (made.currentRowCount > 0 || this.#running > 0 || this.#isClosed) return;
    this.#instance = undefined;
    instance.closeSync();
  }

  #open(): Promise<DuckDBInstance> {
    this.#instance ??= openLocked(this.#options);
    return this.#instance;
  }
}

/** Again and again until the call has ended: an interrupt that comes before the statement runs is forgotten. */
function interruptWhenAborted(
  connection: DuckDBConnection,
  signal: AbortSignal | undefined,
): { stop: () => void } {
  let repeated: NodeJS.Timeout | undefined;
  const interrupt = () => {
    connection.interrupt();
    repeated ??= setInterval(interrupt, interruptEveryMs);
  };
  if (signal?.aborted) interrupt();
  else signal?.addEventListener('abort', interrupt);
  return {
    stop: () => {
      signal?.removeEventListener('abort', interrupt);
      clearInterval(repeated);
    },
  };
}

/** An engine that reaches its folders only, for good. */
async function openLocked(options: AnalyticsOptions): Promise<DuckDBInstance> {
  const { threads = 2, memoryLimitMb = 1024, temporaryFolder, allowedFolders } = options;
  mkdirSync(temporaryFolder, { recursive: true });
  const instance = await DuckDBInstance.create(':memory:', {
    threads: String(threads),
    memory_limit: `${memoryLimitMb}MB`,
    temp_directory: realpathSync(temporaryFolder),
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  });
  const folders = allowedFolders.flatMap((folder) => [folder, realpathSync(folder)]);
  const connection = await instance.connect();
  try {
    await connection.run(
      `set allowed_directories = [${[...new Set(folders)].map(sqlText).join(', ')}];
       set global TimeZone = 'UTC';
       set enable_external_access = false;
       set lock_configuration = true`,
    );
  } finally {
    connection.closeSync();
  }
  return instance;
}

function rowsOf(chunk: DuckDBDataChunk, names: readonly string[]): AnalyticsRow[] {
  const rows: AnalyticsRow[] = Array.from({ length: chunk.rowCount }, () => ({}));
  for (const [column, name] of names.entries()) {
    const vector = chunk.getColumnVector(column);
    for (let row = 0; row < rows.length; row++)
      (rows[row] as AnalyticsRow)[name] = fromDuckDb(vector.getItem(row));
  }
  return rows;
}
