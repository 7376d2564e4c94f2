import { afterAll, describe, expect, it } from 'vitest';
import { defineEvent } from '@flywheel/contracts';
import { AppError, silentLogger } from '@flywheel/core';
import { eventually } from '@flywheel/core/testing';
import { z } from 'zod';
import { startTestBroker } from './testing/brokers.contract.ts';
import { aTopic } from './testing/contracts.ts';
import { type Bus, type Handler, RecentIds, openBus } from './index.ts';

/*
 * The bus in ten minutes. A service opens one bus; in a real process the runtime does it and closes it. Here a broker
 * of our own stands behind it, in production any Kafka.
 */
const starting = startTestBroker();
afterAll(async () => (await starting)[Symbol.asyncDispose]());

const openFor = async (service: string): Promise<Bus> =>
  openBus({ brokers: [(await starting).address], service, log: silentLogger });

// Chapter 1: an event is a contract. It says on which topic it lies, who may publish it, what it holds and what its key is.
const runFinished = defineEvent({
  type: 'tracking.run-finished',
  topic: aTopic({ owner: 'tracking', partitions: 1 }),
  data: z.object({ run: z.string(), accuracy: z.number() }),
  key: ({ run }) => run,
});

describe('chapter 2: publishing', () => {
  it('resolves when the log has the event, and says where', async () => {
    await using tracking = await openFor('tracking');

    const published = await tracking.publish(runFinished, { run: 'r1', accuracy: 0.81 });

    expect(published).toEqual({ topic: runFinished.topic.name, partition: 0, offset: '0' });
  });

  it('is for the owner of the topic only', async () => {
    await using monitor = await openFor('monitor');

    await expect(monitor.publish(runFinished, { run: 'r1', accuracy: 1 })).rejects.toMatchObject({
      code: 'permission_denied',
    });
  });
});

describe('chapter 3: subscribing', () => {
  // A handler is a factory of what it needs that returns a function of one checked event. What it throws decides what
  // happens: a retryable error is tried again in place, any other puts the event aside in the topic dead.<service>.
  const onRunFinished =
    (best: Map<string, number>): Handler<typeof runFinished> =>
    ({ data }, { skip }) => {
      if (data.accuracy < 0) throw new AppError('invalid_argument', 'an accuracy is not negative');
      if (data.accuracy < 0.5) {
        skip('no better than a coin');
        return;
      }
      best.set(data.run, data.accuracy);
    };

  it('every event comes at least once, in order per key; one that cannot be handled stops nothing', async () => {
    await using tracking = await openFor('tracking');
    await using registry = await openFor('registry');
    const best = new Map<string, number>();
    registry.subscribe(runFinished, onRunFinished(best));
    // Nothing arrives before the intake is opened: when all that handlers need is there.
    await registry.start();

    await tracking.publish(runFinished, { run: 'r2', accuracy: -1 });
    await tracking.publish(runFinished, { run: 'r3', accuracy: 0.1 });
    await tracking.publish(runFinished, { run: 'r4', accuracy: 0.9 });

    await eventually(() => expect(Object.fromEntries(best)).toEqual({ r1: 0.81, r4: 0.9 }));
    // How far it is: positions for a health page, and the lag as a metric.
    await eventually(() => expect(registry.positions()[0]?.lag).toBe(0n));
  });

  it('"at least once" means: a handler without a natural key remembers what it has done', () => {
    const done = new RecentIds(10_000);
    const effects: string[] = [];
    const handle = (partition: number, id: string) => {
      if (done.has(partition, id)) return;
      effects.push(id);
      done.remember(partition, id); // after the effect, never before
    };

    handle(0, 'e1');
    handle(0, 'e1');

    expect(effects).toEqual(['e1']);
  });
});

describe('chapter 4: state on a compacted topic', () => {
  const routeChanged = defineEvent({
    type: 'registry.route-changed',
    topic: aTopic({ owner: 'registry', partitions: 1, cleanup: 'compact' }),
    data: z.object({ endpoint: z.string(), version: z.number().int() }),
    key: ({ endpoint }) => endpoint,
  });

  it('every instance watches it from the beginning and knows when it is up to date', async () => {
    await using registry = await openFor('registry');
    await registry.publish(routeChanged, { endpoint: 'fraud', version: 1 });
    await registry.publish(routeChanged, { endpoint: 'fraud', version: 2 });
    await registry.publish(routeChanged, { endpoint: 'old', version: 1 });
    await registry.publishTombstone(routeChanged, 'old');

    await using router = await openFor('router');
    const routes = new Map<string, number>();
    const { ready } = router.watch(
      routeChanged,
      ({ data }) => void routes.set(data.endpoint, data.version),
      { onTombstone: (endpoint) => void routes.delete(endpoint) },
    );
    await router.start();
    await ready;

    expect([...routes]).toEqual([['fraud', 2]]);
  });
});

describe('chapter 5: a lot of data', () => {
  const predicted = defineEvent({
    type: 'router.predicted',
    topic: aTopic({ owner: 'router' }),
    data: z.object({ prediction: z.string(), score: z.number() }),
    key: ({ prediction }) => prediction,
  });

  it('a firehose never waits and never fails; its books close', async () => {
    await using router = await openFor('router');
    const predictions = router.firehose(predicted, { maxBytes: 1_000_000 });

    for (let n = 0; n < 100; n++) predictions.offer({ prediction: `p${n}`, score: n / 100 });
    await predictions.flush(5000);

    const { accepted, acked, pending, dropped } = predictions.stats();
    expect(acked + pending + dropped).toBe(accepted);
    expect(acked).toBe(100);
  });

  it('a sink takes many at once, and its offsets are committed after it', async () => {
    await using monitor = await openFor('monitor');
    let sum = 0;
    let count = 0;
    monitor.subscribeBatch(predicted, async (events) => {
      for (const { data } of events) sum += data.score;
      count += events.length;
      await Promise.resolve();
    });
    await monitor.start();

    await eventually(() => expect(count).toBe(100));
    expect(sum).toBeCloseTo(49.5);
  });
});
