import { newId, sha256 } from '@flywheel/core';
import { ingestion } from '@flywheel/contracts';
import type { Outbox } from '@flywheel/kafka';
import type { Sql } from '@flywheel/storage';

export type BatchStart =
  | { id: string; state: 'new' | 'interrupted' }
  | { id: string; state: 'done'; reply: ingestion.RecordsAccepted };

/** Requests by idempotency key: one that was answered is answered the same way again, one that was cut off goes on. */
export class Batches {
  readonly #sql: Sql;
  readonly #outbox: Outbox;

  constructor(options: { sql: Sql; outbox: Outbox }) {
    this.#sql = options.sql;
    this.#outbox = options.outbox;
  }

  async begin(dataset: string, idempotencyKey: string | undefined): Promise<BatchStart> {
    if (idempotencyKey === undefined) return { id: newId(), state: 'new' };
    const id = `k${sha256(`${dataset}\0${idempotencyKey}`).slice(0, 31)}`;
    const [row] = await this.#sql.query<{ state: string; reply: unknown; fresh: boolean }>(
      `insert into batches (id, dataset, state) values ($1, $2, 'open')
       on conflict (id) do update set dataset = excluded.dataset
       returning state, reply, xmax = 0 as fresh`,
      [id, dataset],
    );
    if (row?.state === 'done')
      return { id, state: 'done', reply: ingestion.recordsAccepted.parse(row.reply) };
    return { id, state: row?.fresh === true ? 'new' : 'interrupted' };
  }

  async finish(
    reply: ingestion.RecordsAccepted,
    facts: { format: 'json' | 'ndjson' | 'csv' | 'parquet'; sizeBytes: number; isKept: boolean },
  ): Promise<void> {
    await this.#sql.transaction(async (tx) => {
      if (facts.isKept)
        await tx.query(`update batches set state = 'done', reply = $2 where id = $1`, [
          reply.batch,
          JSON.stringify(reply),
        ]);
      await this.#outbox.add(tx, ingestion.batchReceived, {
        dataset: reply.dataset,
        batch: reply.batch,
        format: facts.format,
        records: reply.accepted,
        sizeBytes: facts.sizeBytes,
      });
    });
    this.#outbox.wake();
  }
}
