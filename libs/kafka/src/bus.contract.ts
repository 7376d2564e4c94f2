import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { AppError, newHexId, silentLogger } from '@flywheel/core';
import { eventually } from '@flywheel/core/testing';
import { type EventContract, deadLetterTopic } from '@flywheel/contracts';
import { openBus } from './bus.ts';
import type { Bus, BusOptions } from './bus-types.ts';
import type { DeliveryPolicy } from './consuming/deliver.ts';
import { type Counted, aContract, aTopic } from './testing/contracts.ts';
import { openRawClient } from './testing/raw-client.ts';
import { recordingMetrics } from './testing/recording-metrics.ts';
import type { OpaqueRecord, ReceivedEvent } from './wire/envelope.ts';

const quick: DeliveryPolicy = {
  retryableAttempts: 4,
  bugAttempts: 2,
  firstWaitMs: 5,
  maxWaitMs: 20,
};

/** What a service may rely on, whatever log stands behind the bus. */
export function describeBus(name: string, brokersOf: () => Promise<readonly string[]>): void {
  const open = async (options: Partial<BusOptions> = {}): Promise<Bus> =>
    openBus({
      brokers: await brokersOf(),
      service: 'router',
      log: silentLogger,
      policy: quick,
      ...options,
    });

  /** Groups are named by service: a service of its own keeps tests apart. */
  const subscribing = (options: Partial<BusOptions> = {}) =>
    open({ service: `test-${newHexId()}`, ...options });

  /** Another life of the service handles and commits what is there. */
  const handleAll = async (service: string, contract: EventContract<Counted>, count: number) => {
    await using bus = await open({ service });
    let seen = 0;
    bus.subscribe(contract, () => {
      seen++;
    });
    await bus.start();
    await eventually(() => expect(seen).toBe(count));
  };

  describe(`bus on ${name}`, { concurrent: true }, () => {
    it('what was published is received once, with its envelope, in order per key', async () => {
      const contract = aContract();
      await using publisher = await open();
      await using receiver = await subscribing();
      const events: ReceivedEvent<Counted>[] = [];
      receiver.subscribe(contract, (event) => void events.push(event));
      await receiver.start();

      const items = Array.from({ length: 90 }, (_, n) => ({ data: { key: `k${n % 7}`, n } }));
      const published = await publisher.publishAll(contract, items);

      await eventually(() => expect(events).toHaveLength(90));
      for (const key of new Set(items.map(({ data }) => data.key)))
        expect(events.filter((event) => event.key === key).map(({ data }) => data.n)).toEqual(
          items.filter(({ data }) => data.key === key).map(({ data }) => data.n),
        );
      for (const event of events) {
        expect(event).toMatchObject({
          type: 'router.counted',
          version: 1,
          source: 'router',
          subject: event.data.key,
          topic: contract.topic.name,
        });
        expect(event.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
        expect(published[event.data.n]).toEqual({
          topic: contract.topic.name,
          partition: event.partition,
          offset: String(event.offset),
        });
      }
    });

    it('refuses data that breaks the contract, and topics of other services', async () => {
      await using bus = await open();

      const bad = { key: 'a', n: 'one' } as unknown as Counted;
      await expect(bus.publish(aContract(), bad)).rejects.toMatchObject({
        code: 'invalid_argument',
      });
      await expect(
        bus.publish(aContract(), { key: 'x'.repeat(1_000_000), n: 1 }),
      ).rejects.toMatchObject({ code: 'payload_too_large' });
      await expect(bus.publish(aContract(), { key: '', n: 1 })).rejects.toMatchObject({
        code: 'invalid_argument',
      });
      await expect(
        bus.publish(aContract({ owner: 'monitor' }), { key: 'a', n: 1 }),
      ).rejects.toMatchObject({ code: 'permission_denied' });
    });

    it('a record the log refuses fails alone, among many', async () => {
      const contract = aContract();
      await using bus = await open();
      const record = (key: string, sizeBytes: number) => ({
        topic: contract.topic.name,
        key,
        value: Buffer.alloc(sizeBytes, 'x'),
        headers: { ce_id: key },
      });
      await bus.ensureTopics([contract.topic]);

      const sends = [
        bus.send([record('a', 10)]),
        bus.send([record('big', 1_200_000)]),
        bus.send([record('b', 10)]),
      ];
      const [first, big, last] = await Promise.allSettled(sends);

      expect([first?.status, big?.status, last?.status]).toEqual([
        'fulfilled',
        'rejected',
        'fulfilled',
      ]);
      expect((big as PromiseRejectedResult).reason).toMatchObject({ code: 'payload_too_large' });
    });

    it('opaque messages arrive byte by byte, many at a time', async () => {
      const contract = aContract({ topic: aTopic({ partitions: 1 }) });
      await using publisher = await open();
      await using receiver = await subscribing();
      const records: OpaqueRecord[] = [];
      receiver.subscribeBatch(
        contract,
        async (batch, context) => {
          expect(context.partition).toBe(0);
          await Promise.resolve(records.push(...batch));
        },
        { opaque: true },
      );
      await receiver.start();
      const values = [
        Buffer.from([0, 255, 10, 13]),
        Buffer.from('{"not": "parsed'),
        Buffer.alloc(0),
      ];

      const published = await publisher.publishOpaque(
        contract,
        values.map((value, n) => ({
          id: `id-${n}`,
          key: 'k',
          subject: n === 0 ? 'k' : 'sübject',
          value,
        })),
      );

      await eventually(() => expect(records).toHaveLength(3));
      expect(records.map(({ value }) => Buffer.from(value))).toEqual(values);
      expect(records.map(({ id }) => id)).toEqual(['id-0', 'id-1', 'id-2']);
      expect(records.map(({ subject }) => subject)).toEqual(['k', 'sübject', 'sübject']);
      expect(records.map(({ offset }) => String(offset))).toEqual(
        published.map(({ offset }) => offset),
      );
      expect(records.every(({ type, key }) => type === 'router.counted' && key === 'k')).toBe(true);
    });

    it('poison becomes dead letters with the original bytes, and the consumer lives', async () => {
      const contract = aContract({ topic: aTopic({ partitions: 1 }) });
      const { metrics, values } = recordingMetrics();
      await using publisher = await open();
      await using receiver = await subscribing({ metrics });
      await using raw = await openRawClient(await brokersOf());
      const seen: number[] = [];
      receiver.subscribe(contract, ({ data }) => {
        if (data.n === 13) throw new TypeError('cannot read properties of undefined');
        if (data.n === 14) throw new AppError('not_found', 'no such model');
        seen.push(data.n);
      });
      await receiver.start();
      const headers = {
        'content-type': 'application/json',
        ce_specversion: '1.0',
        ce_id: 'x',
        ce_source: 'elsewhere',
        ce_type: contract.type,
        ce_dataversion: '1',
      };
      const poison: [string | null, Record<string, string>, string][] = [
        ['{bad json', headers, 'invalid_argument'],
        ['{"key":"a","n":"one"}', headers, 'invalid_argument'],
        ['{"key":"a","n":1}', { ...headers, ce_dataversion: '99' }, 'invalid_argument'],
        ['{"key":"a","n":1}', { ...headers, ce_dataversion: 'x' }, 'invalid_argument'],
        [null, headers, 'invalid_argument'],
        ['{"key":"a","n":2}', {}, 'invalid_argument'],
        ['{"key":"a","n":3}', { ce_type: contract.type }, 'invalid_argument'],
        ['{"key":"a","n":13}', headers, 'internal'],
        ['{"key":"a","n":14}', headers, 'not_found'],
      ];

      await raw.produce(
        contract.topic.name,
        poison.map(([value, own]) => ({ key: 'a', value, headers: own })),
      );
      await publisher.publish(contract, { key: 'a', n: 42 });

      await eventually(() => expect(seen).toEqual([42]));
      const { name: deadTopic } = deadLetterTopic(receiver.service);
      const dead = await raw.read(deadTopic, 0, poison.length);
      expect(dead.map(({ value }) => value?.toString() ?? null)).toEqual(
        poison.map(([value]) => value),
      );
      expect(dead.map(({ headers: own }) => String(own['dl-code']))).toEqual(
        poison.map(([, , code]) => code),
      );
      expect(dead.map(({ headers: own }) => String(own['dl-offset']))).toEqual(
        poison.map((_, offset) => String(offset)),
      );
      for (const [index, letter] of dead.entries()) {
        expect(String(letter.key)).toBe('a');
        expect(String(letter.headers['dl-topic'])).toBe(contract.topic.name);
        for (const [header, value] of Object.entries(poison[index]![1]))
          expect(String(letter.headers[header])).toBe(value);
      }
      expect(values.get(`dead ${contract.topic.name}`)).toBe(poison.length);
      await eventually(async () =>
        expect(await raw.committed(receiver.service, contract.topic.name)).toEqual([
          poison.length + 1,
        ]),
      );
    });

    it('an event in structured mode is read like any other', async () => {
      const contract = aContract({ topic: aTopic({ partitions: 1 }) });
      await using receiver = await subscribing();
      await using raw = await openRawClient(await brokersOf());
      const events: ReceivedEvent<Counted>[] = [];
      receiver.subscribe(contract, (event) => void events.push(event));
      await receiver.start();

      await raw.produce(contract.topic.name, [
        {
          key: 'k',
          value: JSON.stringify({
            specversion: '1.0',
            id: 's-1',
            source: 'elsewhere',
            type: contract.type,
            subject: 'about',
            time: '2001-01-01T00:00:00Z',
            data: { key: 'k', n: 5 },
          }),
          headers: { 'content-type': 'application/cloudevents+json; charset=UTF-8' },
        },
      ]);

      await eventually(() => expect(events).toHaveLength(1));
      expect(events[0]).toMatchObject({
        id: 's-1',
        source: 'elsewhere',
        subject: 'about',
        time: '2001-01-01T00:00:00Z',
        version: 1,
        data: { key: 'k', n: 5 },
      });
    });

    it('compressed records are read too', async () => {
      const contract = aContract({ topic: aTopic({ partitions: 1 }) });
      await using receiver = await subscribing();
      await using raw = await openRawClient(await brokersOf());
      const records: OpaqueRecord[] = [];
      receiver.subscribeBatch(
        contract,
        async (batch) => {
          await Promise.resolve(records.push(...batch));
        },
        { opaque: true },
      );
      await receiver.start();

      await raw.produce(
        contract.topic.name,
        [1, 2, 3].map((n) => ({ key: `k${n}`, value: `v${n}`, headers: { ce_id: `id-${n}` } })),
        { gzip: true },
      );

      await eventually(() => expect(records).toHaveLength(3));
      expect(records.map(({ id, key, value, offset }) => [id, key, String(value), offset])).toEqual(
        [
          ['id-1', 'k1', 'v1', 0n],
          ['id-2', 'k2', 'v2', 1n],
          ['id-3', 'k3', 'v3', 2n],
        ],
      );
      expect(Math.abs(records[0]!.timeMs - Date.now())).toBeLessThan(3_600_000);
    });

    it('events of other types on the topic are passed over, and two types have two handlers', async () => {
      const topic = aTopic({ partitions: 1 });
      const [one, two, other] = ['router.one', 'router.two', 'router.other'].map((type) =>
        aContract({ topic, type }),
      );
      await using publisher = await open();
      await using receiver = await subscribing();
      const seen: string[] = [];
      receiver.subscribe(one!, ({ type, data }) => void seen.push(`${type} ${data.n}`));
      receiver.subscribe(two!, ({ type, data }) => void seen.push(`${type} ${data.n}`));
      expect(() => receiver.subscribe(two!, () => undefined)).toThrow('another group');
      await receiver.start();

      await publisher.publish(one!, { key: 'k', n: 1 });
      await publisher.publish(other!, { key: 'k', n: 2 });
      await publisher.publish(two!, { key: 'k', n: 3 });

      await eventually(() => expect(seen).toEqual(['router.one 1', 'router.two 3']));
    });

    it('a retryable error is tried in place, and the order stays', async () => {
      const contract = aContract({ topic: aTopic({ partitions: 1 }) });
      await using publisher = await open();
      await using receiver = await subscribing();
      const seen: number[] = [];
      let failures = 2;
      receiver.subscribe(contract, ({ data }) => {
        if (data.n === 1 && failures-- > 0) throw new AppError('unavailable', 'the store is away');
        seen.push(data.n);
      });
      await receiver.start();

      await publisher.publishAll(
        contract,
        [0, 1, 2].map((n) => ({ data: { key: 'k', n } })),
      );

      await eventually(() => expect(seen).toEqual([0, 1, 2]));
    });

    it('when retries run out the bus fails and nothing is skipped: the next life begins there', async () => {
      const contract = aContract({ topic: aTopic({ partitions: 1 }) });
      const service = `test-${newHexId()}`;
      await using publisher = await open();
      await publisher.publishAll(
        contract,
        [0, 1, 2].map((n) => ({ data: { key: 'k', n } })),
      );
      {
        await using receiver = await open({ service });
        receiver.subscribe(contract, ({ data }) => {
          if (data.n === 1) throw new AppError('unavailable', 'the store is away');
        });
        await receiver.start();

        await expect(receiver.failed).rejects.toMatchObject({ code: 'unavailable' });
      }
      await using again = await open({ service });
      const seen: number[] = [];
      again.subscribe(contract, ({ data }) => void seen.push(data.n));
      await again.start();

      await eventually(() => expect(seen).toEqual([1, 2]));
    });

    it('a slow topic does not hold up another of the same group', async () => {
      const slow = aContract();
      const fast = aContract();
      await using publisher = await open();
      await using receiver = await subscribing();
      let release!: () => void;
      const released = new Promise<void>((resolve) => (release = resolve));
      const seen: number[] = [];
      receiver.subscribe(slow, () => released);
      receiver.subscribe(fast, ({ data }) => void seen.push(data.n));
      await receiver.start();

      await publisher.publish(slow, { key: 'k', n: 0 });
      for (let n = 0; n < 5; n++) await publisher.publish(fast, { key: 'k', n });

      await eventually(() => expect(seen).toEqual([0, 1, 2, 3, 4]));
      release();
    });

    it('two members share the partitions and hand over without a repetition', async () => {
      const contract = aContract({ topic: aTopic({ partitions: 4 }) });
      const service = `test-${newHexId()}`;
      await using publisher = await open();
      const seen: string[] = [];
      const listen = async (member: string) => {
        const bus = await open({ service });
        bus.subscribe(contract, ({ data }) => void seen.push(`${member} ${data.n}`));
        await bus.start();
        return bus;
      };
      const publish = (from: number, to: number) =>
        publisher.publishAll(
          contract,
          Array.from({ length: to - from }, (_, n) => ({
            data: { key: `k${n}`, n: from + n },
          })),
        );
      await using first = await listen('first');
      await publish(0, 100);
      await eventually(() => expect(seen).toHaveLength(100));

      const second = await listen('second');
      await publish(100, 300);
      await eventually(() => expect(seen).toHaveLength(300));
      const bySecond = seen.filter((line) => line.startsWith('second'));
      await second[Symbol.asyncDispose]();
      await publish(300, 400);
      await eventually(() => expect(seen).toHaveLength(400));

      expect(bySecond.length).toBeGreaterThan(20);
      const numbers = seen.map((line) => Number(line.split(' ')[1]));
      expect(new Set(numbers).size).toBe(400);
      expect(seen.slice(300).every((line) => line.startsWith('first'))).toBe(true);
      expect(first.positions().reduce((sum, { position }) => sum + position, 0n)).toBe(400n);
    });

    it('a subscription made while running takes part', async () => {
      const [early, late] = [aContract(), aContract()];
      await using publisher = await open();
      await using receiver = await subscribing();
      const seen: string[] = [];
      receiver.subscribe(early, () => void seen.push('early'));
      await receiver.start();

      receiver.subscribe(late, () => void seen.push('late'));
      await publisher.publish(late, { key: 'k', n: 1 });
      await publisher.publish(early, { key: 'k', n: 1 });

      await eventually(() => expect(seen.sort()).toEqual(['early', 'late']));
    });

    it('a watch reads from the beginning in every instance, and is ready when it has seen all', async () => {
      const contract = aContract({ topic: aTopic({ partitions: 1, cleanup: 'compact' }) });
      await using bus = await open();
      await bus.publishAll(
        contract,
        Array.from({ length: 50 }, (_, n) => ({ data: { key: `k${n % 5}`, n } })),
      );
      await bus.publishTombstone(contract, 'k0');
      const watchFrom = async (watcher: Bus) => {
        const state = new Map<string, number>();
        const { ready } = watcher.watch(contract, ({ data }) => void state.set(data.key, data.n), {
          onTombstone: (key) => void state.delete(key),
        });
        await watcher.start();
        await ready;
        return state;
      };
      await using one = await subscribing();
      await using two = await subscribing({ service: one.service });

      const states = await Promise.all([watchFrom(one), watchFrom(two)]);

      for (const state of states)
        expect(Object.fromEntries(state)).toEqual({ k1: 46, k2: 47, k3: 48, k4: 49 });
      await bus.publish(contract, { key: 'k9', n: 9 });
      await eventually(() => expect(states.map((state) => state.get('k9'))).toEqual([9, 9]));
    });

    it('a watch of an empty topic is ready, and one made while running too', async () => {
      const [empty, full] = [aContract(), aContract()];
      await using bus = await open();
      await bus.publish(full, { key: 'a', n: 1 });
      await using watcher = await subscribing();
      const { ready } = watcher.watch(empty, () => undefined);
      await watcher.start();
      await ready;

      const seen: number[] = [];
      await watcher.watch(full, ({ data }) => void seen.push(data.n)).ready;

      expect(seen).toEqual([1]);
    });

    it('a sink resumes where it says, not where the group says', async () => {
      const contract = aContract({ topic: aTopic({ partitions: 1 }) });
      await using publisher = await open();
      await publisher.publishAll(
        contract,
        [0, 1, 2, 3, 4].map((n) => ({ data: { key: 'k', n } })),
      );
      await using receiver = await subscribing();
      await handleAll(receiver.service, contract, 5);
      const seen: number[] = [];
      receiver.subscribeBatch(
        contract,
        async (events) => {
          await Promise.resolve(seen.push(...events.map(({ data }) => data.n)));
        },
        { startAt: () => Promise.resolve(3n) },
      );
      await receiver.start();

      await eventually(() => expect(seen).toEqual([3, 4]));
    });

    it('offsets that are gone are told, and reading goes on at the earliest', async () => {
      const contract = aContract({ topic: aTopic({ partitions: 1 }) });
      const { metrics, values } = recordingMetrics();
      await using publisher = await open();
      const publish = (from: number, to: number) =>
        publisher.publishAll(
          contract,
          Array.from({ length: to - from }, (_, n) => ({ data: { key: 'k', n: from + n } })),
        );
      await publish(0, 5);
      await using receiver = await subscribing({ metrics });
      await handleAll(receiver.service, contract, 5);
      await publish(5, 20);
      await using raw = await openRawClient(await brokersOf());
      await raw.deleteBelow(contract.topic.name, 0, 8);
      const seen: number[] = [];
      const gaps: string[] = [];
      receiver.subscribeBatch(
        contract,
        async (events) => {
          await Promise.resolve(seen.push(...events.map(({ data }) => data.n)));
        },
        { onGap: ({ from, to }) => void gaps.push(`${from}..${to}`) },
      );
      await receiver.start();

      await eventually(() => expect(seen).toHaveLength(12));
      expect(seen).toEqual(Array.from({ length: 12 }, (_, n) => n + 8));
      expect(gaps).toEqual(['5..8']);
      expect(values.get(`lost ${contract.topic.name}`)).toBe(3);
    });

    it('a sink that is far behind holds back the fetching, and misses and repeats nothing', async () => {
      const contract = aContract({ topic: aTopic({ partitions: 1 }) });
      await using publisher = await open();
      await using receiver = await subscribing();
      const value = Buffer.alloc(20_000, 'x');
      const seen: string[] = [];
      let isFirst = true;
      receiver.subscribeBatch(
        contract,
        async (records) => {
          // Long enough for the partition to be paused.
          if (isFirst) await delay(900);
          isFirst = false;
          seen.push(...records.map(({ id }) => id));
        },
        { opaque: true, maxRecords: 10 },
      );
      await receiver.start();
      const messages = Array.from({ length: 500 }, (_, n) => ({
        id: `id-${n}`,
        key: 'k',
        subject: 'k',
        value,
      }));

      await publisher.publishOpaque(contract, messages);

      await eventually(() => expect(seen).toHaveLength(500));
      expect(seen).toEqual(messages.map(({ id }) => id));
    });

    it('in a batch the event that fails for good is put aside alone', async () => {
      const contract = aContract({ topic: aTopic({ partitions: 1 }) });
      await using publisher = await open();
      await publisher.publishAll(
        contract,
        Array.from({ length: 20 }, (_, n) => ({ data: { key: 'k', n } })),
      );
      await using receiver = await subscribing();
      await using raw = await openRawClient(await brokersOf());
      const applied: number[] = [];
      receiver.subscribeBatch(contract, async (events) => {
        const numbers = events.map(({ data }) => data.n);
        if (numbers.includes(7)) throw new AppError('invalid_argument', 'seven is refused');
        await Promise.resolve(applied.push(...numbers));
      });
      await receiver.start();

      await eventually(() => expect(applied).toHaveLength(19));
      expect(applied).toEqual(Array.from({ length: 20 }, (_, n) => n).filter((n) => n !== 7));
      const [letter] = await raw.read(deadLetterTopic(receiver.service).name, 0, 1);
      expect(String(letter?.value)).toBe('{"key":"k","n":7}');
    });

    it('a firehose keeps its books and its events arrive', async () => {
      const contract = aContract();
      await using publisher = await open();
      await using receiver = await subscribing();
      const seen = new Set<number>();
      receiver.subscribe(contract, ({ data }) => void seen.add(data.n));
      await receiver.start();
      const firehose = publisher.firehose(contract, { validate: true });

      for (let n = 0; n < 500; n++) expect(firehose.offer({ key: `k${n}`, n })).toBe(true);
      await firehose.flush(10_000);

      expect(firehose.stats()).toEqual({ accepted: 500, acked: 500, pending: 0, dropped: 0 });
      await eventually(() => expect(seen.size).toBe(500));
    });

    it('positions and ends tell the lag', async () => {
      const contract = aContract({ topic: aTopic({ partitions: 1 }) });
      await using publisher = await open();
      await publisher.publishAll(
        contract,
        Array.from({ length: 5 }, (_, n) => ({ data: { key: 'k', n } })),
      );
      await using receiver = await subscribing();
      let release!: () => void;
      const released = new Promise<void>((resolve) => (release = resolve));
      receiver.subscribe(contract, async ({ data }) => {
        if (data.n === 3) await released;
      });
      await receiver.start();

      await eventually(() =>
        expect(receiver.positions()).toEqual([
          {
            topic: contract.topic.name,
            group: receiver.service,
            partition: 0,
            position: 3n,
            end: 5n,
            lag: 2n,
          },
        ]),
      );
      expect([...(await receiver.endOffsets(contract.topic.name))]).toEqual([[0, 5n]]);
      release();
      await eventually(() => expect(receiver.positions()[0]?.lag).toBe(0n));
    });

    it('a service knows when it has caught up with a topic, and when it has not', async () => {
      const contract = aContract({ topic: aTopic({ partitions: 2 }) });
      await using bus = await open();
      await using receiver = await subscribing();
      let release!: () => void;
      const released = new Promise<void>((resolve) => (release = resolve));
      receiver.subscribe(contract, () => released);
      await receiver.start();
      expect(await receiver.caughtUp(contract.topic.name, 30_000)).toBe(true);
      await bus.publish(contract, { key: 'k', n: 1 });

      expect(await receiver.caughtUp(contract.topic.name, 50)).toBe(false);
      const waited = receiver.caughtUp(contract.topic.name, 30_000);
      release();

      expect(await waited).toBe(true);
    });

    it('whoever waits for a position is told when it moves, or when the time is up', async () => {
      const contract = aContract({ topic: aTopic({ partitions: 1 }) });
      await using bus = await open();
      await using receiver = await subscribing();
      receiver.subscribe(contract, () => Promise.resolve());
      await receiver.start();
      const position = () => receiver.positions()[0]?.position ?? 0n;
      const waitFor = async (offset: bigint) => {
        while (position() < offset) await receiver.moved(30_000);
      };

      const waited = [waitFor(1n), waitFor(2n)];
      for (const n of [1, 2]) await bus.publish(contract, { key: 'k', n });
      await Promise.all(waited);

      expect(position()).toBe(2n);
      await receiver.moved(1);
    });

    it('a topic can be read to its end without leaving a trace', async () => {
      const contract = aContract();
      await using bus = await open();
      const published = await bus.publishAll(
        contract,
        Array.from({ length: 100 }, (_, n) => ({ data: { key: `k${n}`, n } })),
      );
      const ends = new Map<number, bigint>();
      for (const { partition } of published) ends.set(partition, (ends.get(partition) ?? 0n) + 1n);
      expect(new Map([...(await bus.endOffsets(contract.topic.name))].sort())).toEqual(
        new Map([...ends].sort()),
      );
      const seen: string[] = [];

      await bus.readToEnd(contract.topic.name, (records) => {
        seen.push(...records.map(({ value }) => Buffer.from(value).toString()));
      });

      expect(new Set(seen).size).toBe(100);
      expect(seen).toHaveLength(100);
    });

    it('reading to the end fails with what the visitor throws, and passes over nothing', async () => {
      const contract = aContract();
      await using bus = await open();
      await bus.publishAll(
        contract,
        Array.from({ length: 20 }, (_, n) => ({ data: { key: `k${n}`, n } })),
      );
      let visits = 0;
      const thrown = new AppError('conflict', 'the visitor does not like it');

      await expect(
        bus.readToEnd(contract.topic.name, () => {
          visits++;
          throw thrown;
        }),
      ).rejects.toBe(thrown);

      expect(visits).toBe(1);
    });

    it('topics are made once by many that want them at the same time', async () => {
      const topics = [aTopic(), aTopic({ cleanup: 'compact' })];
      const buses = await Promise.all([open(), open(), open()]);

      await Promise.all(buses.map((bus) => bus.ensureTopics(topics)));

      expect((await buses[0].endOffsets(topics[0]!.name)).size).toBe(3);
      await Promise.all(buses.map((bus) => bus[Symbol.asyncDispose]()));
    });
  });
}
