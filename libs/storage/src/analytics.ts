import type { CallOptions } from './online-store.ts';

/** What a statement may be given for $1, $2, …: an integer is bound as one, a Date as TIMESTAMP in UTC. */
export type AnalyticsValue =
  null | boolean | number | bigint | string | Date | Uint8Array | readonly AnalyticsValue[];

export type AnalyticsRow = Record<string, unknown>;

/**
 * A column whole: numbers, booleans (0, 1) and timestamps (ms) as Float64Array with NaN for NULL; anything else as
 * text with undefined for NULL.
 */
export type AnalyticsColumn = Float64Array | (string | undefined)[];

/**
 * SQL over files, by DuckDB, in UTC. It reaches `allowedFolders` and nothing else: no other file, no network, no
 * extension, no setting. Every call has a connection of its own; tables (not TEMP) are seen by all of them until it
 * closes. Values come back in plain JavaScript: integers of any width as number while that is exact, else bigint; a
 * DECIMAL of up to 15 digits as number, a wider one as text; every TIMESTAMP as milliseconds since 1970 UTC (fractions
 * are microseconds); BLOB as Uint8Array; LIST as array, STRUCT as object, MAP as [key, value] pairs; DATE, TIME, INTERVAL,
 * UUID and others as text; NULL as null.
 * Errors: `invalid_argument` for a statement that is wrong or does not fit its data (`details.reason`),
 * `permission_denied` outside the folders, `not_found` for a file, `resource_exhausted` beyond the memory or the disk,
 * `cancelled` by the signal.
 */
export type Analytics = AsyncDisposable & {
  /** One or more statements, the values for the last. */
  run(sql: string, values?: readonly AnalyticsValue[], options?: CallOptions): Promise<void>;
  rows<Row extends AnalyticsRow = AnalyticsRow>(
    sql: string,
    values?: readonly AnalyticsValue[],
    options?: CallOptions,
  ): Promise<Row[]>;
  /** The rows as they are computed, some 2,000 at a time: memory stays flat for any number of rows. */
  batches<Row extends AnalyticsRow = AnalyticsRow>(
    sql: string,
    values?: readonly AnalyticsValue[],
    options?: CallOptions,
  ): AsyncIterable<Row[]>;
  /** The columns by name, in order: the cheap way to many rows, eight bytes a number. An integer beyond 2^53 is `invalid_argument`. */
  columns(
    sql: string,
    values?: readonly AnalyticsValue[],
    options?: CallOptions,
  ): Promise<ReadonlyMap<string, AnalyticsColumn>>;
};

export type AnalyticsOptions = {
  /** Default 2. */
  threads?: number;
  /** Default 1024; beyond it DuckDB spills to `temporaryFolder` where it can. */
  memoryLimitMb?: number;
  temporaryFolder: string;
  allowedFolders: readonly string[];
};

/**
 * Opens nothing yet: the engine starts with the first call and is put away after half a minute without one (unless
 * tables were made), so an idle one costs nothing.
 */
export async function openAnalytics(options: AnalyticsOptions): Promise<Analytics> {
  const { DuckDbAnalytics } = await import('./duckdb-analytics.ts');
  return new DuckDbAnalytics(options);
}

/** `text` as a literal of SQL, for the places that take no $1 (the target of COPY, a list of files). */
export function sqlText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** `name` as a quoted name of SQL. */
export function sqlName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
