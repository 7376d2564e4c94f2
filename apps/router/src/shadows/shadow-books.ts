import type { router } from '@flywheel/contracts';
import type { SqlTransaction } from '@flywheel/kafka';
import type { Sql } from '@flywheel/storage';

type Outcome = {
  endpoint: string;
  variant: string;
  status: router.ShadowPrediction['status'];
  reason: string | null;
};

/**
 * Books of the shadows: eligible = sampled + unsampled, sampled = sent + shed, sent = answered + failed. Only outcomes
 * are counted, in the transaction that moves the offset; the sums follow from them, so that the books always close.
 */
export class ShadowBooks {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  async add(tx: SqlTransaction, outcomes: readonly Outcome[]): Promise<void> {
    const counts = new Map<string, Outcome & { count: number }>();
    for (const outcome of outcomes) {
      const key = JSON.stringify([
        outcome.endpoint,
        outcome.variant,
        outcome.status,
        outcome.reason,
      ]);
      const counted = counts.get(key);
      if (counted) counted.count++;
      else counts.set(key, { ...outcome, count: 1 });
    }
    const rows = [...counts.values()];
    if (rows.length === 0) return;
    await tx.query(
      `insert into shadow_books (endpoint, variant, status, reason, count)
       select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[]) as counted order by 1, 2, 3, 4
       on conflict (endpoint, variant, status, reason) do update set count = shadow_books.count + excluded.count`,
      [
        rows.map(({ endpoint }) => endpoint),
        rows.map(({ variant }) => variant),
        rows.map(({ status }) => status),
        rows.map(({ reason }) => reason ?? ''),
        rows.map(({ count }) => count),
      ],
    );
  }

  async of(endpoint: string): Promise<Record<string, router.ShadowBooks>> {
    const rows = await this.#sql.query<{
      variant: string;
      status: Outcome['status'];
      reason: string;
      count: number;
    }>(
      'select variant, status, reason, count::int as count from shadow_books where endpoint = $1',
      [endpoint],
    );
    const books: Record<string, router.ShadowBooks> = {};
    for (const { variant, status, reason, count } of rows) {
      const book = (books[variant] ??= {
        eligible: 0,
        sampled: 0,
        unsampled: 0,
        sent: 0,
        shed: {},
        answered: 0,
        failed: {},
      });
      book.eligible += count;
      if (status === 'unsampled') {
        book.unsampled += count;
        continue;
      }
      book.sampled += count;
      if (status === 'shed') {
        book.shed[reason] = (book.shed[reason] ?? 0) + count;
        continue;
      }
      book.sent += count;
      if (status === 'answered') book.answered += count;
      else book.failed[reason] = (book.failed[reason] ?? 0) + count;
    }
    return books;
  }
}
