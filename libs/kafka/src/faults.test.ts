import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { type Logger, silentLogger } from '@flywheel/core';
import { eventually, temporaryFolder } from '@flywheel/core/testing';
import { openBus } from './bus.ts';
import type { BusOptions } from './bus-types.ts';
import {
  type BrokerProcess,
  startBrokerProcess,
  startTestBroker,
} from './testing/brokers.contract.ts';
import { aContract, aTopic } from './testing/contracts.ts';
import { recordingMetrics } from './testing/recording-metrics.ts';

const consumerLost = 'a consumer lost its broker and starts again';

const open = (brokers: string[], options: Partial<BusOptions> = {}) =>
  openBus({ brokers, service: 'router', log: silentLogger, ...options });

/** A port nobody listens on (another process could take it in between, but hardly one that speaks Kafka). */
async function aFreePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe('a broker that is killed', () => {
  it('what was acknowledged is in the log exactly there, and consumers go on by themselves', async () => {
    using folder = temporaryFolder();
    const port = await aFreePort();
    const startAgain = () =>
      startBrokerProcess({
        folder: folder.path,
        port,
        log: silentLogger,
        minSessionTimeoutMs: 100,
      });
    let broker: BrokerProcess = await startAgain();
    const contract = aContract();
    await using publisher = await open([`127.0.0.1:${port}`]);
    const warnings: string[] = [];
    const log: Logger = {
      ...silentLogger,
      child: () => log,
      warn: (_details: unknown, message?: string) => void warnings.push(message ?? ''),
    };
    await using receiver = await open([`127.0.0.1:${port}`], { service: 'receiver', log });
    const received = new Map<string, number>();
    receiver.subscribe(contract, ({ data, partition, offset }) => {
      received.set(`${partition}/${offset}`, data.n);
    });
    await receiver.start();

    const acked = new Map<string, number>();
    const failures: unknown[] = [];
    const stop = new AbortController();
    let n = 0;
    const writers = Array.from({ length: 8 }, async () => {
      while (!stop.signal.aborted) {
        const mine = n++;
        try {
          const at = await publisher.publish(contract, { key: `k${mine % 13}`, n: mine });
          acked.set(`${at.partition}/${at.offset}`, mine);
        } catch (error) {
          failures.push(error);
        }
      }
    });
    for (let round = 0; round < 2; round++) {
      const before = acked.size;
      await eventually(() => expect(acked.size).toBeGreaterThan(before + 50));
      process.kill(broker.pid, 'SIGKILL');
      await broker.exited;
      // Once it is back before anybody has missed it, once after the consumer has given it up.
      if (round === 1) await eventually(() => expect(warnings).toContain(consumerLost));
      broker = await startAgain();
    }
    const before = acked.size;
    await eventually(() => expect(acked.size).toBeGreaterThan(before + 50));
    stop.abort();
    await Promise.all(writers);

    expect(failures).toEqual([]);
    const inLog = new Map<string, number>();
    await publisher.readToEnd(contract.topic.name, (records) => {
      for (const { partition, offset, value } of records)
        inLog.set(
          `${partition}/${offset}`,
          (JSON.parse(Buffer.from(value).toString()) as { n: number }).n,
        );
    });
    for (const [place, value] of acked) expect([place, inLog.get(place)]).toEqual([place, value]);
    await eventually(() => {
      for (const [place, value] of inLog) expect(received.get(place)).toBe(value);
    });
    await broker[Symbol.asyncDispose]();
  });
});

describe('a broker that is not there', () => {
  it('a publish gives up at its deadline, and the next one succeeds when the broker has come', async () => {
    const port = await aFreePort();
    await using bus = await open([`127.0.0.1:${port}`], { publishTimeoutMs: 700 });
    const contract = aContract();

    await expect(bus.publish(contract, { key: 'k', n: 1 })).rejects.toMatchObject({
      code: 'unavailable',
    });

    await using broker = await startTestBroker({ port });
    expect(broker.port).toBe(port);
    await eventually(async () => {
      await bus.publish(contract, { key: 'k', n: 2 });
    });
  });

  it('a firehose keeps up to its bound, drops the newest, and its books close', async () => {
    const port = await aFreePort();
    const { metrics, values } = recordingMetrics();
    await using bus = await open([`127.0.0.1:${port}`], { metrics });
    const contract = aContract({ topic: aTopic({ partitions: 1 }) });
    const firehose = bus.firehose(contract, { maxBytes: 20_000 });
    const taken: number[] = [];
    for (let n = 0; n < 1000; n++) if (firehose.offer({ key: 'k', n })) taken.push(n);

    const { accepted, acked, pending, dropped } = firehose.stats();
    expect({ accepted, acked, pending, dropped }).toEqual({
      accepted: 1000,
      acked: 0,
      pending: taken.length,
      dropped: 1000 - taken.length,
    });
    expect(taken.length).toBeGreaterThan(20);
    expect(taken).toEqual(Array.from(taken, (_, n) => n));
    expect(values.get(`dropped ${contract.topic.name}`)).toBe(dropped);

    await using broker = await startTestBroker({ port });
    expect(broker.port).toBe(port);
    await eventually(() =>
      expect(firehose.stats()).toEqual({
        accepted: 1000,
        acked: taken.length,
        pending: 0,
        dropped,
      }),
    );
    const inLog: number[] = [];
    await bus.readToEnd(contract.topic.name, (records) => {
      for (const { value } of records)
        inLog.push((JSON.parse(Buffer.from(value).toString()) as { n: number }).n);
    });
    expect(inLog).toEqual(taken);
  });

  it('a firehose that is closed counts what it could not send as dropped', async () => {
    const port = await aFreePort();
    const bus = await open([`127.0.0.1:${port}`], { closeTimeoutMs: 100 });
    const firehose = bus.firehose(aContract());
    for (let n = 0; n < 10; n++) firehose.offer({ key: 'k', n });
    await bus[Symbol.asyncDispose]();

    expect(firehose.stats()).toEqual({ accepted: 10, acked: 0, pending: 0, dropped: 10 });
    expect(firehose.offer({ key: 'k', n: 10 })).toBe(false);
    expect(firehose.stats().dropped).toBe(11);
  });
});

describe('a consumer that dies', () => {
  it('what was handled and not committed is delivered again, what was not begun is not lost', async () => {
    await using broker = await startTestBroker();
    const contract = aContract({ topic: aTopic({ partitions: 1 }) });
    await using publisher = await open([broker.address]);
    await publisher.publishAll(
      contract,
      Array.from({ length: 10 }, (_, n) => ({ data: { key: 'k', n } })),
    );
    const first = await open([broker.address], { service: 'receiver', handlerTimeoutMs: 500 });
    const seenFirst: number[] = [];
    first.subscribe(contract, ({ data }) => {
      seenFirst.push(data.n);
      if (data.n === 4) return new Promise<void>(() => undefined);
      return undefined;
    });
    await first.start();
    await expect(first.failed).rejects.toMatchObject({
      code: 'deadline_exceeded',
      message: 'a handler did not return',
    });
    void first[Symbol.asyncDispose]();

    await using second = await open([broker.address], { service: 'receiver' });
    const seenSecond: number[] = [];
    second.subscribe(contract, ({ data }) => void seenSecond.push(data.n));
    await second.start();

    await eventually(() => expect(seenSecond.at(-1)).toBe(9), { withinMs: 40_000 });
    expect(seenFirst).toEqual([0, 1, 2, 3, 4]);
    expect(seenSecond).toEqual([4, 5, 6, 7, 8, 9]);
  });
});
