import type { AppError } from '@flywheel/core';
import { toAppError } from '@flywheel/core';
import type { Sql, SqlTransaction } from '@flywheel/storage';
import type { TrackingMetrics } from '../metrics.ts';
import { groupBy } from '../wire/lists.ts';
import type { Pair } from '../wire/parameters.ts';
import { logMetrics } from './log-metrics.ts';
import type { RunPoint } from './log-metrics.ts';
import type { Point } from './point.ts';
import type { RunEvents } from './run-events.ts';
import { checkActive, lockRuns, putParams, putTags, runIdOf } from './run-store.ts';
import type { LockedRun } from './run-store.ts';

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

type Call = {
  readonly run: string;
  readonly batch: Batch;
  resolve(): void;
  reject(error: AppError): void;
};

const mostCalls = 64;
const mostPoints = 5000;

/**
 * Takes what training logs: all of a batch, or nothing of it. What arrives while a transaction is under way is taken
 * together by the next one, so that many writers share its cost; if one of them is refused there, each is
 * tried alone.
 */
export class RunLog {
  readonly #parts: Parts;
  readonly #waiting: Call[] = [];
  #isWriting = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Resolves when the batch is stored. */
  async log(run: string, batch: Batch): Promise<void> {
    runIdOf(run);
    await new Promise<void>((resolve, reject) => {
      this.#waiting.push({ run, batch, resolve, reject });
      if (!this.#isWriting) void this.#write();
    });
  }

  async #write(): Promise<void> {
    this.#isWriting = true;
    for (let calls = this.#take(); calls.length > 0; calls = this.#take()) {
      const error = await this.#store(calls);
      if (error) await this.#settle(calls, error);
    }
    this.#isWriting = false;
  }

  /** A database that is away is away for all of them. */
  async #settle(calls: readonly Call[], error: AppError): Promise<void> {
    for (const call of calls) {
      const own = calls.length === 1 || error.retryable ? error : await this.#store([call]);
      if (own) call.reject(own);
    }
  }

  #take(): Call[] {
    const calls: Call[] = [];
    for (let points = 0; calls.length < mostCalls;) {
      const next = this.#waiting[0];
      if (!next || (calls.length > 0 && points + next.batch.points.length > mostPoints)) break;
      points += next.batch.points.length;
      calls.push(next);
      this.#waiting.shift();
    }
    return calls;
  }

  /** Resolves the calls, or gives the error that kept all of them from being stored. */
  async #store(calls: readonly Call[]): Promise<AppError | undefined> {
    const { sql, events, metrics } = this.#parts;
    try {
      const inserted = await sql.transaction((tx) => this.#storeIn(tx, calls));
      events.wake();
      for (const call of calls) call.resolve();
      metrics.points.add(inserted);
      metrics.repeated.add(count(calls) - inserted);
      return undefined;
    } catch (error) {
      return toAppError(error);
    }
  }

  async #storeIn(tx: SqlTransaction, calls: readonly Call[]): Promise<number> {
    const { events, logModelMetrics } = this.#parts;
    const runs = await lockRuns(
      tx,
      calls.map(({ run }) => run),
    );
    const changed = new Set<number>();
    const points: RunPoint[] = [];
    for (const { run: id, batch } of calls) {
      const run = checkActive(runs.get(id), id);
      await putParams(tx, run, batch.params);
      await putTags(tx, run.number, batch.tags);
      if (batch.params.length + batch.tags.length > 0) changed.add(run.number);
      for (const point of batch.points) points.push({ ...point, run: run.number });
    }
    const fresh = await logMetrics(tx, points);
    for (const { run, batch } of calls) await logModelMetrics(tx, run, batch.points);
    await tell(tx, events, { runs: [...runs.values()], changed, fresh });
    return fresh.length;
  }
}

async function tell(
  tx: SqlTransaction,
  events: RunEvents,
  {
    runs,
    changed,
    fresh,
  }: { runs: readonly LockedRun[]; changed: ReadonlySet<number>; fresh: readonly RunPoint[] },
): Promise<void> {
  const pointsByRun = groupBy(fresh, ({ run }) => run);
  for (const { number, id } of runs)
    await events.metricsLogged(tx, id, pointsByRun.get(number) ?? []);
  await events.runsChanged(tx, [...changed]);
}

function count(calls: readonly Call[]): number {
  return calls.reduce((sum, { batch }) => sum + batch.points.length, 0);
}
