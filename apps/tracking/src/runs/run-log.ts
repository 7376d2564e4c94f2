import type { Sql, SqlTransaction } from '@flywheel/storage';
import type { TrackingMetrics } from '../metrics.ts';
import type { Pair } from '../wire/parameters.ts';
import { logMetrics } from './log-metrics.ts';
import type { Point } from './point.ts';
import type { RunEvents } from './run-events.ts';
import { lockActiveRun, putParams, putTags } from './run-store.ts';

/** A point that is also one of a logged model, perhaps measured on a dataset. */
export type LoggedPoint = Point & {
  readonly model?: string;
  readonly datasetName?: string;
  readonly datasetDigest?: string;
};

export type Batch = {
  readonly points: readonly LoggedPoint[];
  readonly params: readonly Pair[];
  readonly tags: readonly Pair[];
};

/** Where points go that belong to logged models too. */
export type LogModelMetrics = (
  tx: SqlTransaction,
  run: string,
  points: readonly LoggedPoint[],
) => Promise<void>;

type Parts = {
  sql: Sql;
  events: RunEvents;
  logModelMetrics: LogModelMetrics;
  metrics: TrackingMetrics;
};

/** Takes what training logs: all of a batch, or nothing of it. */
export class RunLog {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async log(id: string, { points, params, tags }: Batch): Promise<void> {
    const { sql, events, logModelMetrics, metrics } = this.#parts;
    const inserted = await sql.transaction(async (tx) => {
      const run = await lockActiveRun(tx, id);
      await putParams(tx, run, params);
      const fresh = await logMetrics(tx, run.number, points);
      await logModelMetrics(tx, id, points);
      await putTags(tx, run.number, tags);
      await events.metricsLogged(tx, id, fresh);
      if (params.length > 0 || tags.length > 0) await events.runChanged(tx, run.number);
      return fresh.length;
    });
    if (inserted > 0 || params.length > 0 || tags.length > 0) events.wake();
    metrics.points.add(inserted);
    metrics.repeated.add(points.length - inserted);
  }
}
