import { tracking } from '@flywheel/contracts';
import type { Outbox } from '@flywheel/kafka';
import type { SqlTransaction } from '@flywheel/storage';
import { cut } from '../wire/limits.ts';
import type { Pair } from '../wire/parameters.ts';
import type { Point } from './point.ts';
import type { RunRow, RunStatus } from './run.ts';

type StateRow = {
  id: string;
  experiment: string;
  name: string;
  status: RunStatus;
  lifecycle: 'active' | 'deleted';
  start_ms: number;
  end_ms: number | null;
  params: readonly Pair[];
  tags: readonly Pair[];
};

const statesAtOnce = 100;
/** A record has to stay well below what a topic takes (1 MB), whatever clients write into tags and params. */
const mostBytes = 400_000;
const mostValueLength = 2_000;

/** Tells of changes in the transaction that makes them. */
export class RunEvents {
  readonly #outbox: Outbox;

  constructor(outbox: Outbox) {
    this.#outbox = outbox;
  }

  /** To be called after the commit. */
  wake(): void {
    this.#outbox.wake();
  }

  /** What is known of a run that has just been created needs no look. */
  async runStarted(tx: SqlTransaction, run: RunRow, tags: readonly Pair[]): Promise<void> {
    await this.#outbox.add(tx, tracking.runChanged, toState({ ...run, params: [], tags }));
  }

  runChanged(tx: SqlTransaction, run: number): Promise<void> {
    return this.runsChanged(tx, [run]);
  }

  async runsChanged(tx: SqlTransaction, runs: readonly number[]): Promise<void> {
    for (let start = 0; start < runs.length; start += statesAtOnce) {
      const rows = await tx.query<StateRow>(stateQuery, [runs.slice(start, start + statesAtOnce)]);
      for (const row of rows) await this.#outbox.add(tx, tracking.runChanged, toState(row));
    }
  }

  /** One event for a batch, or several where its keys are so long that one would be too big. */
  async metricsLogged(tx: SqlTransaction, run: string, points: readonly Point[]): Promise<void> {
    let batch: ReturnType<typeof toEventPoint>[] = [];
    let bytes = 0;
    for (const point of points) {
      const size = Buffer.byteLength(point.key) + 90;
      if (bytes + size > mostBytes || batch.length === 1000) {
        await this.#outbox.add(tx, tracking.metricsLogged, { run, points: batch });
        [batch, bytes] = [[], 0];
      }
      batch.push(toEventPoint(point));
      bytes += size;
    }
    if (batch.length > 0)
      await this.#outbox.add(tx, tracking.metricsLogged, { run, points: batch });
  }
}

const pairsOf = (table: string) =>
  `coalesce((select json_agg(json_build_object('key', t.key, 'value', t.value) order by t.key)
     from ${table} t where t.run = r.number), '[]'::json)`;
const stateQuery = `select r.id, r.experiment::text, r.name, r.status, r.lifecycle, r.start_ms, r.end_ms,
    ${pairsOf('run_params')} as params, ${pairsOf('run_tags')} as tags
  from runs r where r.number = any($1::bigint[]) order by r.number`;

function toState(row: StateRow) {
  const budget = { bytes: mostBytes, isCut: false };
  const params = shortened(row.params, budget);
  const tags = shortened(row.tags, budget);
  return {
    run: row.id,
    experiment: row.experiment,
    name: row.name,
    status: row.status,
    lifecycle: row.lifecycle,
    startMs: row.start_ms,
    endMs: row.end_ms,
    params,
    tags,
    isShortened: budget.isCut,
  };
}

/** Long values are cut and, once the budget is spent, left out. */
function shortened(
  pairs: readonly Pair[],
  budget: { bytes: number; isCut: boolean },
): Record<string, string> {
  const members: [string, string][] = [];
  for (const { key, value } of pairs) {
    const short = cut(value, mostValueLength);
    budget.bytes -= Buffer.byteLength(key) + Buffer.byteLength(short);
    if (short.length < value.length || budget.bytes < 0) budget.isCut = true;
    if (budget.bytes >= 0) members.push([key, short]);
  }
  return Object.fromEntries(members);
}

function toEventPoint({ key, value, timestamp, step }: Point) {
  return {
    key,
    value: Number.isNaN(value) ? ('NaN' as const) : value,
    timestampMs: exact(timestamp),
    step: exact(step),
  };
}

function exact(value: number | bigint): number | string {
  return typeof value === 'bigint' ? String(value) : value;
}
