import { describe, expect, it } from 'vitest';
import { uniformTable } from './synthetic-table.fixture.ts';
import { train, type TrainRequest } from './train.ts';
import { trainInWorker } from './train-in-worker.ts';

const request = (rows = 500, trees = 5): TrainRequest => ({
  algorithm: 'gradient-boosting',
  table: uniformTable(rows, 0.1),
  validation: uniformTable(200, 0.1, 8),
  params: { trees },
  seed: 3,
  provenance: { runKey: 'run-1', snapshot: 'snap-1' },
});

describe('training in a worker', () => {
  it('gives the same bytes as in this thread and reports every round', async () => {
    const rounds: number[] = [];

    const result = await trainInWorker(request(), {
      onProgress: ({ iteration }) => rounds.push(iteration),
    });

    expect(result).toEqual(train(request()));
    expect(rounds).toEqual([1, 2, 3, 4, 5]);
    expect(result.final).toMatchObject({ iteration: 5, iterations: 5 });
  });

  it('runs logistic regression as well', async () => {
    const result = await trainInWorker({
      algorithm: 'logistic-regression',
      table: uniformTable(300),
      seed: 0,
    });

    expect(result).toMatchObject({ algorithm: 'logistic-regression', isFlat: false, warnings: [] });
  });

  it('takes over the memory of the tables if it may', async () => {
    const handedOver = request();

    const result = await trainInWorker(handedOver, { handOver: true });

    expect(handedOver.table.features[0]!.values).toHaveLength(0);
    expect(result.digest).toBe(train(request()).digest);
  });

  it('an abort ends it at once, with its reason', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');

    const running = trainInWorker(request(50_000, 100_000), {
      signal: controller.signal,
      onProgress: () => controller.abort(reason),
    });

    await expect(running).rejects.toBe(reason);
    await expect(trainInWorker(request(), { signal: controller.signal })).rejects.toBe(reason);
  });

  it('the algorithm refuses with its code and field', async () => {
    const wrong = { ...request(), params: { maxLeaves: 1 } } as TrainRequest;

    await expect(trainInWorker(wrong)).rejects.toMatchObject({
      code: 'invalid_argument',
      details: { field: 'params.maxLeaves' },
    });
  });

  it('a listener that throws fails the training and not the process', async () => {
    const running = trainInWorker(request(), {
      onProgress: () => {
        throw new Error('listener broke');
      },
    });

    await expect(running).rejects.toMatchObject({ code: 'internal' });
  });
});
