import { describe, expect, it } from 'vitest';
import { startTestBroker } from '../testing/brokers.contract.ts';
import { AppError, newHexId, silentLogger } from '@flywheel/core';
import { eventually } from '@flywheel/core/testing';
import { openBus } from '../bus.ts';
import type { Outgoing, Published } from '../publishing/lane.ts';
import { aContract, aTopic } from '../testing/contracts.ts';
import { openRawClient } from '../testing/raw-client.ts';
import { createInbox, inboxMigration } from './inbox.ts';
import { type OutboxOptions, createOutbox, outboxMigration } from './outbox.ts';
import { createSinkOffsets, sinkOffsetsMigration } from './sink-offsets.ts';
import type { Sql } from './sql.ts';

export type TestSql = Sql & {
  /** A transaction of another connection, still open; undefined where there is only one connection. */
  begin: (() => Promise<Sql & { commit(): Promise<void>; rollback(): Promise<void> }>) | undefined;
};

/** A log in memory that can be away, and that can take records and then fail to say so. */
class FakeLog {
  readonly service = 'router';
  readonly records: Outgoing[] = [];
  mode: 'well' | 'away' | 'takes and fails' = 'well';

  ensureTopics(): Promise<void> {
    return Promise.resolve();
  }

  send(records: readonly Outgoing[]): Promise<Published[]> {
    if (this.mode !== 'away') this.records.push(...records);
    if (this.mode !== 'well')
      return Promise.reject(new AppError('unavailable', 'the log did not answer in time'));
    return Promise.resolve(
      records.map(({ topic }, index) => ({ topic, partition: 0, offset: String(index) })),
    );
  }

  ids(): string[] {
    return this.records.map(({ headers }) => String(headers['ce_id']));
  }
}

/** What the SQL parts promise, on PostgreSQL and on the embedded one. */
export function describeSql(name: string, openSql: () => Promise<TestSql>): void {
  const contract = aContract();

  async function setUp(options: Partial<OutboxOptions> = {}) {
    const sql = await openSql();
    const table = `outbox_${newHexId()}`;
    await run(sql, outboxMigration('0001-outbox', table).sql);
    const log = new FakeLog();
    const make = (instance: string) =>
      createOutbox({
        sql,
        bus: log,
        log: silentLogger,
        table,
        pollMs: 60_000,
        instance,
        ...options,
      });
    const left = async () => {
      const [row] = await sql.query<{ count: unknown }>(
        `select count(*)::int as count from ${table}`,
      );
      return Number(row?.count);
    };
    return { sql, table, log, make, left };
  }

  /** Runs the relay of `outbox` until `until` holds. */
  async function relayUntil(
    outbox: ReturnType<typeof createOutbox>,
    until: () => Promise<void> | void,
  ): Promise<void> {
    const stop = new AbortController();
    const relaying = outbox.relay(stop.signal);
    try {
      await eventually(until);
    } finally {
      stop.abort();
      await relaying.catch(() => undefined);
    }
  }

  describe(`outbox on ${name}`, () => {
    it('what is committed is published in order with its id, what is rolled back is not', async () => {
      const { sql, log, make, left } = await setUp();
      const outbox = make('one');
      const stop = new AbortController();
      const relaying = outbox.relay(stop.signal);

      const ids: string[] = [];
      for (let n = 0; n < 5; n++)
        await sql.transaction(async (tx) => {
          ids.push(await outbox.add(tx, contract, { key: 'a', n }));
          ids.push(await outbox.add(tx, contract, { key: 'b', n }));
        });
      await sql
        .transaction(async (tx) => {
          await outbox.add(tx, contract, { key: 'c', n: 0 });
          throw new Error('the state change failed');
        })
        .catch(() => undefined);
      outbox.wake();

      await eventually(async () => expect(await left()).toBe(0));
      stop.abort();
      await relaying;
      expect(log.ids()).toEqual(ids);
      expect(log.records[0]).toMatchObject({
        topic: contract.topic.name,
        key: 'a',
        value: '{"key":"a","n":0}',
        headers: { ce_type: contract.type, ce_source: 'router', ce_subject: 'a' },
      });
    });

    it('events of other services and data that breaks the contract are refused', async () => {
      const { sql, make } = await setUp();
      const outbox = make('one');

      await expect(
        outbox.add(sql, aContract({ owner: 'monitor' }), { key: 'a', n: 1 }),
      ).rejects.toMatchObject({ code: 'permission_denied' });
      await expect(outbox.add(sql, contract, { key: '', n: 1 })).rejects.toMatchObject({
        code: 'invalid_argument',
      });
    });

    it('killed after the commit, before it was published: the next life publishes it', async () => {
      const { sql, log, make, left } = await setUp();
      const id = await make('killed').add(sql, contract, { key: 'a', n: 1 });

      await relayUntil(make('next'), async () => expect(await left()).toBe(0));

      expect(log.ids()).toEqual([id]);
    });

    it('killed after it was published, before it was deleted: published again with the same id', async () => {
      const { sql, table, log, make, left } = await setUp();
      const id = await make('any').add(sql, contract, { key: 'a', n: 1 });
      const dying = createOutbox({ sql: dyingAtDelete(sql), bus: log, log: silentLogger, table });
      await expect(dying.relay(new AbortController().signal)).rejects.toMatchObject({
        cause: { message: 'killed' },
      });
      expect(log.ids()).toEqual([id]);
      expect(await left()).toBe(1);

      await sql.query(`update ${table}_relay set held_until = now() - interval '1 second'`);
      await relayUntil(make('next'), async () => expect(await left()).toBe(0));

      expect(log.ids()).toEqual([id, id]);
    });

    it('a log that is away is waited for, and nothing is lost or out of order', async () => {
      const { sql, log, make, left } = await setUp();
      const outbox = make('one');
      log.mode = 'away';
      const ids = [
        await outbox.add(sql, contract, { key: 'a', n: 1 }),
        await outbox.add(sql, contract, { key: 'a', n: 2 }),
      ];

      await relayUntil(outbox, async () => {
        log.mode = 'well';
        expect(await left()).toBe(0);
      });

      expect(log.ids()).toEqual(ids);
    });

    it('a null payload is a tombstone, an empty one and {} are not', async () => {
      const { sql, table } = await setUp();
      await using broker = await startTestBroker();
      await using bus = await openBus({
        brokers: [broker.address],
        service: 'router',
        log: silentLogger,
      });
      await using raw = await openRawClient([broker.address]);
      const compacted = aContract({ topic: aTopic({ partitions: 1, cleanup: 'compact' }) });
      const outbox = createOutbox({ sql, bus, log: silentLogger, table });
      await bus.ensureTopics([compacted.topic]);
      await outbox.addTombstone(sql, compacted, 'gone');
      for (const [key, payload] of [
        ['empty', ''],
        ['object', '{}'],
        ['null', null],
      ])
        await sql.query(
          `insert into ${table} (id, aggregatetype, aggregateid, type, headers, payload)
           values (gen_random_uuid(), $1, $2, 'router.counted', '{}', $3)`,
          [compacted.topic.name, key, payload],
        );

      const stop = new AbortController();
      const relaying = outbox.relay(stop.signal);
      const records = await raw.read(compacted.topic.name, 0, 4);
      stop.abort();
      await relaying;

      expect(records.map(({ key, value }) => [String(key), value && String(value)])).toEqual([
        ['gone', null],
        ['empty', ''],
        ['object', '{}'],
        ['null', null],
      ]);
    });

    it('of two relays one works at a time, and the other takes over', async () => {
      const { sql, log, make, left } = await setUp({ pollMs: 20 });
      const ids: string[] = [];
      await sql.transaction(async (tx) => {
        for (let n = 0; n < 700; n++)
          ids.push(await make('any').add(tx, contract, { key: 'a', n }));
      });
      const stops = [new AbortController(), new AbortController()];
      const relays = stops.map((stop, index) => make(`relay ${index}`).relay(stop.signal));

      await eventually(async () => expect(await left()).toBe(0));
      stops[0]?.abort();
      ids.push(await make('any').add(sql, contract, { key: 'a', n: 700 }));
      await eventually(async () => expect(await left()).toBe(0));
      stops[1]?.abort();
      await Promise.all(relays);

      expect(log.ids()).toEqual(ids);
    });

    it('a row of a slower transaction is not jumped over', async (context) => {
      const { sql, table, log, left } = await setUp();
      if (!sql.begin) return context.skip('there is one connection only');
      let passes = 0;
      const watched: Sql = {
        transaction: (work) => sql.transaction(work),
        query: (text, values) => {
          if (text.includes('delete from')) passes++;
          return sql.query(text, values);
        },
      };
      const outbox = createOutbox({ sql: watched, bus: log, log: silentLogger, table });
      const slow = await sql.begin();
      const first = await outbox.add(slow, contract, { key: 'a', n: 1 });
      const second = await outbox.add(sql, contract, { key: 'a', n: 2 });
      const stop = new AbortController();
      const relaying = outbox.relay(stop.signal);
      await eventually(() => expect(passes).toBeGreaterThan(2));
      expect(log.ids()).toEqual([]);

      await slow.commit();
      await eventually(async () => expect(await left()).toBe(0));
      stop.abort();
      await relaying;

      expect(log.ids()).toEqual([first, second]);
    });
  });

  describe(`sink offsets on ${name}`, () => {
    it('a batch has its effect once, however often and in whatever pieces it comes again', async () => {
      const sql = await openSql();
      const table = `offsets_${newHexId()}`;
      await run(sql, sinkOffsetsMigration('0001-offsets', table).sql);
      const offsets = createSinkOffsets(table);
      const place = { group: 'g', topic: 't', partition: 3 };
      const applied: bigint[] = [];
      const apply = (first: bigint, last: bigint, fail = false) =>
        sql.transaction(async (tx) => {
          const from = await offsets.advance(tx, place, { first, last });
          const fresh: bigint[] = [];
          for (let at = first; at <= last; at++) if (at >= from) fresh.push(at);
          if (fail) throw new Error('the effect failed');
          applied.push(...fresh);
        });

      expect(await offsets.next(sql, place)).toBeUndefined();
      await apply(5n, 9n);
      await apply(5n, 9n);
      await apply(7n, 12n);
      await expect(apply(13n, 20n, true)).rejects.toThrow('the effect failed');
      expect(await offsets.next(sql, place)).toBe(13n);
      await apply(13n, 13n);
      await apply(9_007_199_254_740_993n, 9_007_199_254_740_995n);

      expect(applied.map(String)).toEqual(
        [5, 6, 7, 8, 9, 10, 11, 12, 13]
          .map(String)
          .concat('9007199254740993', '9007199254740994', '9007199254740995'),
      );
      expect(await offsets.next(sql, place)).toBe(9_007_199_254_740_996n);
      expect(await offsets.next(sql, { ...place, group: 'other' })).toBeUndefined();
    });
  });

  describe(`inbox on ${name}`, () => {
    it('an event is new once per group, unless its transaction was rolled back', async () => {
      const sql = await openSql();
      const table = `inbox_${newHexId()}`;
      await run(sql, inboxMigration('0001-inbox', table).sql);
      const inbox = createInbox(table);

      await expect(
        sql.transaction(async (tx) => {
          await inbox.isNew(tx, 'g', 'e1');
          throw new Error('the effect failed');
        }),
      ).rejects.toThrow('the effect failed');
      expect(await inbox.isNew(sql, 'g', 'e1')).toBe(true);
      expect(await inbox.isNew(sql, 'g', 'e1')).toBe(false);
      expect(await inbox.isNew(sql, 'other', 'e1')).toBe(true);

      await sql.query(`update ${table} set received_at = now() - interval '9 days'`);
      await inbox.isNew(sql, 'g', 'e2');
      expect(await inbox.prune(sql, 8)).toBe(2);
      expect(await inbox.isNew(sql, 'g', 'e2')).toBe(false);
    });
  });
}

async function run(sql: Sql, statements: string): Promise<void> {
  for (const statement of statements.split(';')) if (statement.trim()) await sql.query(statement);
}

/** The process ends when it would delete what it has published. */
function dyingAtDelete(sql: Sql): Sql {
  return {
    transaction: (work) => sql.transaction(work),
    query: (text, values) =>
      text.includes('delete from') ? Promise.reject(new Error('killed')) : sql.query(text, values),
  };
}
