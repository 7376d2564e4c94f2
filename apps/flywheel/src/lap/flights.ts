import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { openAnalytics } from '@flywheel/storage';
import type { Analytics } from '@flywheel/storage';

/** One flight as the replay needs it. Times in milliseconds since the epoch, UTC. */
export type Flight = {
  dateMs: number;
  knownAtMs: number;
  delay: number;
  distance: number;
  origin: string;
  destination: string;
};

/** Bounds of the lap's months: from <= date < to. */
export const months = {
  history: { from: '2001-01-01', to: '2001-04-01' },
  april: { from: '2001-04-01', to: '2001-05-01' },
  may: { from: '2001-05-01', to: '2001-06-01' },
  june: { from: '2001-06-01', to: '2001-07-01' },
} as const;

export type Month = keyof typeof months;

/**
 * 3,000,000 US flights of January to June 2001, from the npm package vega-datasets (public domain). A flight is known
 * when it has landed: known_at = date + max(delay, 0) + distance / 7.5 minutes + 30 minutes, to the millisecond.
 */
export class FlightData implements AsyncDisposable {
  readonly #analytics: Analytics;
  readonly rows: number;
  readonly origins: number;

  private constructor(analytics: Analytics, rows: number, origins: number) {
    this.#analytics = analytics;
    this.rows = rows;
    this.origins = origins;
  }

  /** Takes whole origins, in the order of the hash of their names, until at least `rows` flights are there. */
  static async open(rows: number | 'all', folder: string): Promise<FlightData> {
    const file = join(
      dirname(createRequire(import.meta.url).resolve('vega-datasets')),
      '..',
      'data',
      'flights-3m.parquet',
    );
    const analytics = await openAnalytics({
      temporaryFolder: join(folder, 'duckdb'),
      allowedFolders: [dirname(file), folder],
    });
    await analytics.run(`
      create table origins as
      select origin from (
        select origin, n, sum(n) over (order by md5(origin), origin) - n as before
        from (select origin, count(*) as n from read_parquet('${file}') group by origin))
      where before < ${rows === 'all' ? '1e18' : rows}`);
    await analytics.run(`
      create view flights as
      select date, delay, distance, origin, destination,
        epoch_ms(date) + (greatest(delay, 0) + 30) * 60000 + cast(round(distance / 7.5 * 60000) as bigint) as known_ms
      from read_parquet('${file}') semi join origins using (origin)`);
    const [counts] = await analytics.rows<{ rows: number; origins: number }>(
      'select (select count(*) from flights)::double as rows, (select count(*) from origins)::double as origins',
    );
    if (!counts) throw new Error('the flights could not be counted');
    return new FlightData(analytics, counts.rows, counts.origins);
  }

  /** Writes a month as records (date and known_at as RFC 3339 text) to a Parquet file; gives the number of rows. */
  async writeParquet(month: Month, file: string): Promise<number> {
    await this.#analytics.run(
      `copy (${this.#records(month)}) to '${file}' (format parquet, row_group_size 100000)`,
    );
    const [counted] = await this.#analytics.rows<{ n: number }>(
      `select count(*)::double as n from read_parquet('${file}')`,
    );
    return counted?.n ?? 0;
  }

  /** A month as records, in batches, ordered by date. */
  async *records(month: Month, batchRows: number): AsyncIterable<Record<string, unknown>[]> {
    let batch: Record<string, unknown>[] = [];
    for await (const rows of this.#analytics.batches(this.#records(month))) {
      for (const row of rows) {
        batch.push(row);
        if (batch.length === batchRows) {
          yield batch;
          batch = [];
        }
      }
    }
    if (batch.length > 0) yield batch;
  }

  /** The flights of a month in the order of `by`. */
  async *replay(month: Month, by: 'date' | 'known'): AsyncIterable<Flight> {
    const order = by === 'date' ? 'dateMs' : 'knownAtMs';
    const query = `
      select epoch_ms(date)::double as "dateMs", known_ms::double as "knownAtMs", delay::double as delay,
        distance::double as distance, origin, destination
      from flights where ${within(month)} order by "${order}", origin, destination, delay, distance`;
    for await (const rows of this.#analytics.batches<Flight>(query)) yield* rows;
  }

  async count(month: Month): Promise<number> {
    const [counted] = await this.#analytics.rows<{ n: number }>(
      `select count(*)::double as n from flights where ${within(month)}`,
    );
    return counted?.n ?? 0;
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.#analytics[Symbol.asyncDispose]();
  }

  #records(month: Month): string {
    return `
      select strftime(date, '%Y-%m-%dT%H:%M:%SZ') as date, delay::double as delay, distance::double as distance,
        origin, destination, strftime(make_timestamp_ms(known_ms), '%Y-%m-%dT%H:%M:%S.%gZ') as known_at
      from flights where ${within(month)} order by date, origin, destination, delay, distance`;
  }
}

function within(month: Month): string {
  const { from, to } = months[month];
  return `date >= timestamp '${from}' and date < timestamp '${to}'`;
}
