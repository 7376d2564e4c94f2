import { AppError, silentLogger } from '@flywheel/core';
import { eventually, temporaryFolder } from '@flywheel/core/testing';
import { router } from '@flywheel/contracts';
import type { Bus, OpaqueMessage } from '@flywheel/kafka';
import { describe, expect, it } from 'vitest';
import { PredictionLog } from './prediction-log.ts';
import { Spool } from './spool.ts';

/** A log in memory that can be away, and whose acknowledgement can be lost. */
class TestLog {
  readonly messages: OpaqueMessage[] = [];
  isAway = false;
  losesAnswers = false;

  readonly bus: Pick<Bus, 'publishOpaque' | 'readToEnd'> = {
    publishOpaque: (_contract, messages) => {
      if (this.isAway) return Promise.reject(new AppError('unavailable', 'the log is away'));
      this.messages.push(...messages);
      if (this.losesAnswers) return Promise.reject(new AppError('unavailable', 'no answer'));
      return Promise.resolve(messages.map(() => ({ partition: 0, offset: '0' }) as never));
    },
    readToEnd: async (_topic, visit) => {
      await visit(this.messages.map(({ value }) => ({ value: Buffer.from(value) }) as never));
    },
  };

  /** What the messages hold, checked against the contract. */
  get batches(): router.PredictionBatch[] {
    return this.messages.map(({ value }) =>
      router.predictionsLogged.data.parse(JSON.parse(String(value))),
    );
  }

  get ids(): string[] {
    return this.batches.flatMap((batch) => batch.predictions.map(({ id }) => id));
  }
}

function aPrediction(id: string): router.Prediction {
  return {
    ...{ id, request: id, endpoint: 'e', revision: 1, variant: 'm-1', role: 'champion' },
    ...{
      model: 'm',
      version: 1,
      propensity: 1,
      atMs: 1,
      answeredMs: 2,
      latencyMs: 1,
      modelMs: 0.1,
    },
    ...{ status: 'answered', error: null, entities: {}, requestFeatures: {}, vector: [1, null] },
    score: 0.5,
  };
}

function start(log: TestLog, folder: string, limitBytes = 1_000_000) {
  const spool = new Spool({ folder, limitBytes });
  return {
    spool,
    predictions: new PredictionLog({ bus: log.bus, spool, log: silentLogger, instance: 'i' }),
  };
}

const range = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => `p${from + index}`);

describe('a prediction log', () => {
  it('writes all of a turn together, and publishes in batches of up to 50 of one endpoint', async () => {
    using folder = temporaryFolder();
    const log = new TestLog();
    const { predictions } = start(log, folder.path);

    const written = await Promise.all([
      ...range(0, 120).map((id) => predictions.write('e', ['f', 'g'], [aPrediction(id)])),
      predictions.write('other', [], [aPrediction('o1'), aPrediction('o2')]),
    ]);

    expect(written.flat()).toEqual([...range(0, 120), 'o1', 'o2']);
    await eventually(() => expect(predictions.stats().pending).toBe(0));
    expect(log.batches.map(({ endpoint, predictions: all }) => [endpoint, all.length])).toEqual([
      ['e', 50],
      ['e', 50],
      ['e', 20],
      ['other', 2],
    ]);
    expect(log.batches.map(({ sequence }) => sequence)).toEqual([0, 1, 2, 3]);
    expect(log.batches[0]?.features).toEqual(['f', 'g']);
    expect(predictions.stats()).toEqual({ accepted: 122, acked: 122, pending: 0, dropped: 0 });
  });

  it('waits for a log that is away, and loses nothing', async () => {
    using folder = temporaryFolder();
    const log = new TestLog();
    const { predictions } = start(log, folder.path);
    log.isAway = true;

    await predictions.write('e', [], range(0, 3).map(aPrediction));
    expect(predictions.stats()).toMatchObject({ accepted: 3, pending: 3 });
    log.isAway = false;

    await eventually(() => expect(predictions.stats().pending).toBe(0));
    expect(log.ids).toEqual(range(0, 3));
  });

  it('of a killed process is brought to the log by the next, without what is there already', async () => {
    using folder = temporaryFolder();
    const log = new TestLog();
    const killed = start(log, folder.path);
    await killed.predictions.write('e', ['f'], range(0, 2).map(aPrediction));
    await eventually(() => expect(log.ids).toEqual(range(0, 2)));
    log.isAway = true;
    await killed.predictions.write('e', ['f'], range(2, 130).map(aPrediction));

    log.isAway = false;
    const next = start(log, folder.path); // the killed one never closes its spool
    const before = log.messages.length;
    await next.predictions.recover();

    expect(new Set(log.messages.slice(before).map(({ key }) => key)).size).toBe(3);
    expect(log.ids.slice(2)).toEqual(range(2, 130));
    expect(log.batches.every(({ features }) => features[0] === 'f')).toBe(true);
    expect(next.spool.leftovers()).toEqual([]);
    expect(next.predictions.stats()).toEqual({ accepted: 128, acked: 128, pending: 0, dropped: 0 });
  });

  it('does not repeat what the log took although its answer was lost with the process', async () => {
    using folder = temporaryFolder();
    const log = new TestLog();
    log.losesAnswers = true;
    const killed = start(log, folder.path);
    await killed.predictions.write('e', [], range(0, 3).map(aPrediction));
    await eventually(() => expect(log.messages).toHaveLength(1));

    log.losesAnswers = false;
    const taken = log.messages.slice(0, 1);
    log.messages.length = 0;
    log.messages.push(...taken);
    await start(log, folder.path).predictions.recover();

    expect(log.ids).toEqual(range(0, 3));
  });

  it('gives up the newest when its share of the disk is full, counts them, and never fails an answer', async () => {
    using folder = temporaryFolder();
    const log = new TestLog();
    log.isAway = true;
    const { predictions } = start(log, folder.path, 3000);

    const written: string[] = [];
    for (const id of range(0, 20))
      written.push(...(await predictions.write('e', [], [aPrediction(id)])));

    expect(written).toEqual(range(0, 20));
    const { accepted, acked, pending, dropped } = predictions.stats();
    expect(dropped).toBeGreaterThan(0);
    expect(accepted).toBe(acked + pending + dropped);
    log.isAway = false;
    await eventually(() => expect(predictions.stats().pending).toBe(0));
    expect(log.ids).toEqual(range(0, 20 - dropped));
  });
});
