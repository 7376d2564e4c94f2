import { AppError, canonicalJson, newId, sha256 } from '@flywheel/core';
import type { Clock } from '@flywheel/core';
import { monitor } from '@flywheel/contracts';
import type { Outbox, SqlTransaction } from '@flywheel/kafka';
import type { Sql } from '@flywheel/storage';

export type ReportContent = Omit<monitor.Report, 'id' | 'createdAt' | 'digest'>;

/** Reports: kept, and told as events in the same transaction. */
export class Reports {
  readonly #sql: Sql;
  readonly #outbox: Outbox;
  readonly #clock: Clock;

  constructor(options: { sql: Sql; outbox: Outbox; clock: Clock }) {
    this.#sql = options.sql;
    this.#outbox = options.outbox;
    this.#clock = options.clock;
  }

  async publish(
    content: ReportContent,
    alongside: (tx: SqlTransaction, report: monitor.Report) => Promise<void> = () =>
      Promise.resolve(),
  ): Promise<monitor.Report> {
    const nowMs = this.#clock.nowMs();
    const report: monitor.Report = {
      ...content,
      id: newId(nowMs),
      createdAt: new Date(nowMs).toISOString(),
      digest: sha256(canonicalJson(content)),
    };
    await this.#sql.transaction(async (tx) => {
      await tx.query(
        'insert into reports (id, endpoint, created_at, report) values ($1, $2, $3, $4)',
        [report.id, report.endpoint, report.createdAt, JSON.stringify(report)],
      );
      await this.#outbox.add(tx, monitor.reportPublished, report);
      await alongside(tx, report);
    });
    this.#outbox.wake();
    return report;
  }

  async list(endpoint: string | undefined): Promise<monitor.Report[]> {
    const rows = await this.#sql.query<{ report: unknown }>(
      'select report from reports where $1::text is null or endpoint = $1 order by created_at desc, id desc limit 200',
      [endpoint ?? null],
    );
    return rows.map((row) => monitor.report.parse(row.report));
  }

  async get(id: string): Promise<monitor.Report> {
    const [row] = await this.#sql.query<{ report: unknown }>(
      'select report from reports where id = $1',
      [id],
    );
    if (!row)
      throw new AppError('not_found', 'there is no such report', { details: { report: id } });
    return monitor.report.parse(row.report);
  }
}
