import type { Clock } from '@flywheel/core';
import { registry } from '@flywheel/contracts';
import type { EventData } from '@flywheel/contracts';
import type { Outbox, SqlTransaction } from '@flywheel/kafka';
import type { Sql } from '@flywheel/storage';
import { recordAudit } from '../audit.ts';
import { describeVersion } from './describe-version.ts';
import { selectVersions } from './model-rows.ts';
import type { VersionRow } from './model-rows.ts';

type VersionChange = EventData<typeof registry.modelVersionChanged>['change'];

/** Transactions whose changes are told: each as an audit entry, those of versions as events too. */
export class ChangeLog {
  readonly sql: Sql;
  readonly #outbox: Outbox;
  readonly #clock: Clock;

  constructor(options: { sql: Sql; outbox: Outbox; clock: Clock }) {
    this.sql = options.sql;
    this.#outbox = options.outbox;
    this.#clock = options.clock;
  }

  nowMs(): number {
    return this.#clock.nowMs();
  }

  async transaction<T>(work: (tx: SqlTransaction) => Promise<T>): Promise<T> {
    const result = await this.sql.transaction(work);
    this.#outbox.wake();
    return result;
  }

  async audit(
    tx: SqlTransaction,
    action: string,
    subject: string,
    details: Record<string, unknown> = {},
  ): Promise<void> {
    const entry = { actor: 'api', action, subject, details };
    await recordAudit({ outbox: this.#outbox, clock: this.#clock }, tx, entry);
  }

  /** Tells the state of versions of a model as events of the transaction. */
  async announce(
    tx: SqlTransaction,
    model: string,
    versions: readonly number[],
    change: VersionChange,
  ): Promise<void> {
    const rows = await selectVersions(tx, {
      text: 'where v.model = $1 and v.version = any($2::int[]) order by v.version',
      values: [model, versions],
    });
    for (const row of rows) await this.announceRow(tx, row, change);
  }

  async announceRow(tx: SqlTransaction, row: VersionRow, change: VersionChange): Promise<void> {
    await this.#outbox.add(tx, registry.modelVersionChanged, {
      change,
      version: describeVersion(row),
    });
  }
}
