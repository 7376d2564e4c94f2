import { setTimeout as delay } from 'node:timers/promises';
import type { EventContract } from '@flywheel/contracts';
import { AppError, type Clock, type Logger, newId, systemClock, toAppError } from '@flywheel/core';
import type { Bus, PublishOptions } from '../bus-types.ts';
import { type BusTracing, noTracing } from '../ports.ts';
import { writeEvent } from '../wire/envelope.ts';
import { relayOnce } from './outbox-relay.ts';
import { type Migration, type Sql, type SqlTransaction, checkTableName } from './sql.ts';

/**
 * The tables of an outbox. The columns have the names that change data capture tools expect (id, aggregatetype = topic,
 * aggregateid = key, type, payload), so that such a tool can take the relay's place. A null payload is a tombstone.
 */
export function outboxMigration(name: string, table = 'outbox'): Migration {
  checkTableName(table);
  return {
    name,
    sql: `
create table ${table} (
  id uuid primary key,
  seq bigint generated always as identity,
  xid xid8 not null default pg_current_xact_id(),
  aggregatetype text not null,
  aggregateid text not null,
  type text not null,
  headers text not null,
  payload text,
  created_at timestamptz not null default now()
);
create index ${table}_order on ${table} (xid, seq);
create table ${table}_relay (
  only_row boolean primary key default true check (only_row),
  holder text not null,
  held_until timestamptz not null
);`,
  };
}

export type OutboxOptions = {
  readonly sql: Sql;
  readonly bus: Pick<Bus, 'service' | 'send' | 'ensureTopics'>;
  readonly log: Logger;
  readonly table?: string;
  readonly clock?: Clock;
  readonly tracing?: BusTracing;
  /** How often to look without being woken; default 5 s. */
  readonly pollMs?: number;
  /** Name of this process among those that relay the same table: after a crash the same name goes on at once, another after 10 s. */
  readonly instance?: string;
};

/** Events written in the transaction that changes the state they tell of, and published after it has committed. */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #table: string;
  readonly #clock: Clock;
  readonly #tracing: BusTracing;
  readonly #instance: string;
  #isWoken = false;
  #wakeUp: (() => void) | undefined;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#table = checkTableName(options.table ?? 'outbox');
    this.#clock = options.clock ?? systemClock;
    this.#tracing = options.tracing ?? noTracing;
    this.#instance = options.instance ?? newId();
  }

  /** Part of the caller's transaction; resolves with the id of the event. Call `wake` after the commit. */
  async add<Data>(
    tx: SqlTransaction,
    contract: EventContract<Data>,
    data: Data,
    options: PublishOptions = {},
  ): Promise<string> {
    const { key, value, headers } = writeEvent(contract, data, {
      ...options,
      source: this.#options.bus.service,
      nowMs: this.#clock.nowMs(),
    });
    return this.#insert(tx, contract, key, value, headers);
  }

  /** Deletes the key from a compacted topic. */
  async addTombstone(tx: SqlTransaction, contract: EventContract, key: string): Promise<string> {
    if (contract.topic.cleanup !== 'compact')
      throw new AppError('invalid_argument', 'only a compacted topic takes tombstones');
    const nowMs = this.#clock.nowMs();
    return this.#insert(tx, contract, key, null, {
      ce_specversion: '1.0',
      ce_id: newId(nowMs),
      ce_source: this.#options.bus.service,
      ce_type: contract.type,
      ce_time: new Date(nowMs).toISOString(),
    });
  }

  /** Tells the relay that there may be something to publish. */
  wake(): void {
    this.#isWoken = true;
    this.#wakeUp?.();
  }

  /**
   * Publishes what is committed, in the order of transactions and within them, each at least once with the same id;
   * until the signal is aborted. Of several processes one at a time does it. A database or a log that is away is
   * waited for; anything else rejects, and the process must stop.
   */
  async relay(signal: AbortSignal): Promise<void> {
    const { sql, bus, log, pollMs = 5000 } = this.#options;
    for (let failures = 0; !signal.aborted;) {
      this.#isWoken = false;
      let nextMs = pollMs;
      try {
        const pass = await relayOnce({
          sql,
          bus,
          table: this.#table,
          instance: this.#instance,
          signal,
        });
        failures = 0;
        // Rows of transactions that began before one still open must wait for it.
        if (pass === 'blocked') nextMs = 50;
        if (pass === 'published') nextMs = 0;
      } catch (thrown) {
        const err = toAppError(thrown);
        if (!err.retryable) throw err;
        failures++;
        nextMs = Math.min(5000, 100 * 2 ** failures);
        log.warn({ err, failures }, 'the outbox could not be relayed and is tried again');
        await delay(nextMs, undefined, { signal }).catch(() => undefined);
        continue;
      }
      await this.#sleep(nextMs, signal);
    }
  }

  async #insert(
    tx: SqlTransaction,
    contract: EventContract,
    key: string,
    payload: string | null,
    headers: Record<string, string>,
  ): Promise<string> {
    const { topic, type } = contract;
    const { service } = this.#options.bus;
    if (topic.owner !== service)
      throw new AppError('permission_denied', 'another service owns the topic', {
        details: { type, topic: topic.name, owner: topic.owner, service },
      });
    this.#tracing.inject(headers);
    const id = headers['ce_id'] ?? '';
    await tx.query(
      `insert into ${this.#table} (id, aggregatetype, aggregateid, type, headers, payload)
       values ($1, $2, $3, $4, $5, $6)`,
      [id, topic.name, key, type, JSON.stringify(headers), payload],
    );
    return id;
  }

  async #sleep(ms: number, signal: AbortSignal): Promise<void> {
    if (this.#isWoken || ms === 0 || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        this.#wakeUp = undefined;
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener('abort', done);
      this.#wakeUp = done;
    });
  }
}

export function createOutbox(options: OutboxOptions): Outbox {
  return new Outbox(options);
}
