import { Worker } from 'node:worker_threads';
import { ManualClock } from '@flywheel/core';
import { eventually } from '@flywheel/core/testing';
import { describe, expect, it } from 'vitest';
import type { Tensor } from '../tensors/tensor.ts';
import { identityModel, logisticModel, slowModel } from '../testing/tiny-models.ts';
import { OnnxModel } from '../onnx/onnx-model.ts';
import { openModelPool } from './model-pool.ts';

const features = (rows: number): Tensor => ({
  name: 'features',
  datatype: 'FP32',
  shape: [rows, 3],
  data: Float32Array.from({ length: rows * 3 }, (_, index) => Math.sin(index)),
});
const matrix = (size: number): Tensor => ({
  name: 'x',
  datatype: 'FP32',
  shape: [size, size],
  data: new Float32Array(size * size).fill(1 / size),
});

describe('a model pool', () => {
  it('gives the bits that the same model gives inline', async () => {
    await using pool = await openModelPool({ workers: 2 });
    const bytes = logisticModel([0.5, -1.25, 2], 0.1);
    await using inline = await OnnxModel.load(bytes);

    const file = await pool.load('m', bytes);
    const [outputs] = await pool.run('m', [features(7)]);
    const [alone] = await pool.run('m', [features(7)], { rowByRow: true });

    expect(file.signature).toEqual(inline.signature);
    expect(file.metadata).toEqual({ made_by: 'a test' });
    expect(outputs).toEqual((await inline.run([features(7)]))[0]);
    expect(alone).toEqual((await inline.runRows([features(7)]))[0]);
    expect(features(7).data).toHaveLength(21);
  });

  it('carries bytes, 64-bit numbers and halves unchanged through the thread', async () => {
    await using pool = await openModelPool({ workers: 1 });
    const tensors: Tensor[] = [
      {
        name: 'x',
        datatype: 'BYTES',
        shape: [2],
        data: ['Zürich 😀', ''].map((text) => new TextEncoder().encode(text)),
      },
      { name: 'x', datatype: 'INT64', shape: [1], data: new BigInt64Array([9007199254740993n]) },
      { name: 'x', datatype: 'FP16', shape: [1], data: new Uint16Array([0x3c01]) },
    ];

    for (const tensor of tensors) {
      await pool.load(tensor.datatype, identityModel(tensor.datatype, ['n']));
      const [output] = await pool.run(tensor.datatype, [tensor]);
      expect(output?.shape).toEqual(tensor.shape);
      expect(Array.from(output?.data ?? [], String)).toEqual(Array.from(tensor.data, String));
    }
  });

  it('keeps the main loop turning while a heavy model runs', async () => {
    await using pool = await openModelPool({ workers: 1 });
    await using tiny = await OnnxModel.load(logisticModel([1, 2, 3], 0));
    await pool.load('heavy', slowModel(200));
    const startMs = performance.now();

    const heavy = pool.run('heavy', [matrix(320)]);
    let longestGapMs = 0;
    let turns = 0;
    while (pool.counts.completed < 1) {
      const turnMs = performance.now();
      await tiny.run([features(1)]);
      await new Promise((resolve) => setImmediate(resolve));
      longestGapMs = Math.max(longestGapMs, performance.now() - turnMs);
      turns += 1;
    }
    const [output] = await heavy;
    const tookMs = performance.now() - startMs;

    expect(output?.shape).toEqual([320, 320]);
    expect(output?.data[0]).toBeCloseTo(1 / 320, 5);
    expect(turns).toBeGreaterThan(20);
    expect(longestGapMs).toBeLessThan(tookMs / 2);
  });

  it('drops what expires or is cancelled while it waits, and runs the rest', async () => {
    const clock = new ManualClock(1_000);
    await using pool = await openModelPool({ workers: 1, clock });
    await pool.load('slow', slowModel(40));
    await pool.load('quick', identityModel('FP32', ['n', 'n']));
    const caller = new AbortController();

    const slow = pool.run('slow', [matrix(256)]);
    const expired = pool.run('quick', [matrix(2)], { deadlineMs: 60_000 });
    const cancelled = pool.run('quick', [matrix(2)], { signal: caller.signal });
    const timedOut = pool.run('quick', [matrix(2)], { signal: AbortSignal.timeout(1) });
    const leftToo = pool.run('quick', [matrix(2)], { deadlineMs: 90_000, signal: caller.signal });
    const settled = Promise.allSettled([expired, cancelled, timedOut]);
    caller.abort();
    clock.moveTo(60_001);

    await expect(cancelled).rejects.toMatchObject({ code: 'cancelled' });
    await expect(leftToo).rejects.toMatchObject({ code: 'cancelled' });
    await expect(timedOut).rejects.toMatchObject({ code: 'deadline_exceeded' });
    await expect(expired).rejects.toMatchObject({ code: 'deadline_exceeded' });
    await slow;
    await settled;
    expect(pool.counts).toMatchObject({ completed: 1, cancelled: 2, expired: 2, queued: 0 });
    await expect(pool.run('quick', [matrix(2)], { deadlineMs: 60_000 })).rejects.toMatchObject({
      code: 'deadline_exceeded',
    });
    await expect(pool.run('quick', [matrix(2)])).resolves.toHaveLength(1);
  });

  it('tells the caller of a passed deadline without waiting for the run', async () => {
    await using pool = await openModelPool({ workers: 1 });
    await pool.load('slow', slowModel(150));

    const late = pool.run('slow', [matrix(256)], { deadlineMs: Date.now() + 5 });

    await expect(late).rejects.toMatchObject({ code: 'deadline_exceeded' });
    expect(pool.counts.running).toBe(1);
    await eventually(() => expect(pool.counts.running).toBe(0));
    expect(pool.counts).toMatchObject({ expired: 1, completed: 0 });
  });

  it('refuses what the queue cannot hold, by count and by bytes', async () => {
    await using pool = await openModelPool({ workers: 1, maxQueued: 2, maxQueuedBytes: 1_000_000 });
    await pool.load('slow', slowModel(40));
    const run = () => pool.run('slow', [matrix(256)]);

    const running = run();
    const waiting = [run(), run()];
    const refused = run();
    await expect(refused).rejects.toMatchObject({ code: 'resource_exhausted', retryable: true });
    await Promise.all([running, ...waiting]);

    const busy = run();
    const tooLarge = pool.run('slow', [matrix(600)]);
    await expect(tooLarge).rejects.toMatchObject({ code: 'resource_exhausted' });
    await busy;
    expect(pool.counts).toMatchObject({ completed: 4, refused: 2, queued: 0, queuedBytes: 0 });
  });

  it('replaces a worker that dies, failing only the run it had', async () => {
    const workers: Worker[] = [];
    const startWorker = () => {
      const worker = new Worker(new URL('../testing/mortal-worker.mjs', import.meta.url));
      workers.push(worker);
      return worker;
    };
    await using pool = await openModelPool({ workers: 1, startWorker });
    await pool.load('quick', logisticModel([1, 2, 3], 0));

    const doomed = pool.run('quick', [features(5000)], { rowByRow: true }); // takes messages between rows
    const waiting = pool.run('quick', [features(2)]);
    workers[0]?.postMessage('die');

    await expect(doomed).rejects.toMatchObject({ code: 'unavailable', retryable: true });
    await expect(waiting).resolves.toHaveLength(1);
    expect(workers).toHaveLength(2);
  });

  it('refuses an unknown model, a bad file and an id in use', async () => {
    await using pool = await openModelPool({ workers: 1 });
    await pool.load('m', logisticModel([1, 2, 3], 0));

    await expect(pool.run('other', [features(1)])).rejects.toMatchObject({ code: 'not_found' });
    await expect(pool.load('bad', Buffer.from('no model'))).rejects.toMatchObject({
      code: 'invalid_argument',
    });
    await expect(pool.load('m', logisticModel([1], 0))).rejects.toMatchObject({ code: 'conflict' });
    await expect(pool.run('m', [{ ...features(1), shape: [3, 1] }])).rejects.toMatchObject({
      code: 'invalid_argument',
      details: { field: 'inputs[0].shape[1]' },
    });
    expect(pool.has('bad')).toBe(false);

    await pool.unload('m');
    await expect(pool.run('m', [features(1)])).rejects.toMatchObject({ code: 'not_found' });
    await expect(pool.load('m', logisticModel([1], 0))).resolves.toBeDefined();
    expect(await pool.measureRunMs('m')).toBeGreaterThan(0);
  });

  it('refuses new runs once it is closed', async () => {
    const pool = await openModelPool({ workers: 1 });
    await pool.load('slow', slowModel(20));
    const running = pool.run('slow', [matrix(128)]);
    const waiting = pool.run('slow', [matrix(128)]);
    const refused = expect(waiting).rejects.toMatchObject({ code: 'unavailable' });

    await pool[Symbol.asyncDispose]();

    await expect(running).resolves.toHaveLength(1);
    await refused;
    await expect(pool.run('slow', [matrix(2)])).rejects.toMatchObject({ code: 'unavailable' });
  });
});
