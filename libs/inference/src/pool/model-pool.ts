import type { Worker } from 'node:worker_threads';
import { AppError, silentLogger, systemClock, toAppError } from '@flywheel/core';
import type { Clock, Logger } from '@flywheel/core';
import type { OnnxFile } from '../onnx/onnx-file.ts';
import type { Tensor } from '../tensors/tensor.ts';
import type { ModelWorker } from './model-worker.ts';
import { PoolRun } from './pool-run.ts';
import type { RunOptions } from './pool-run.ts';
import { RunQueue } from './run-queue.ts';
import { startModelWorker } from './start-worker.ts';
import { packTensors, unpackTensors } from './worker-messages.ts';
import type { PackedTensor } from './worker-messages.ts';
import { WorkerSlot } from './worker-slot.ts';

export type PoolOptions = {
  readonly workers: number;
  readonly log?: Logger;
  readonly clock?: Clock;
  /** How many runs may wait, 1,024 by default, and how many bytes of inputs, 64 MiB by default. */
  readonly maxQueued?: number;
  readonly maxQueuedBytes?: number;
  /** Where worker threads come from; tests bring their own to kill. */
  readonly startWorker?: () => Worker;
};

/** Counters since the pool opened, and what is in it now. */
export type PoolCounts = {
  readonly queued: number;
  readonly queuedBytes: number;
  readonly running: number;
  readonly completed: number;
  readonly failed: number;
  readonly refused: number;
  readonly cancelled: number;
  readonly expired: number;
};

/** Starts the workers and waits until they are up. */
export async function openModelPool(options: PoolOptions): Promise<ModelPool> {
  const pool = new ModelPool(options);
  try {
    await pool.ready();
    return pool;
  } catch (error) {
    await pool[Symbol.asyncDispose]();
    throw error;
  }
}

/**
 * Models run in worker threads, off the calling thread. Each worker holds every model and runs one thing at a time; what
 * waits is bounded, and what nobody wants any more is dropped before it runs. A worker that dies is replaced, and its
 * run fails with `unavailable`. Inputs are copied when their run begins: do not change them before it has answered.
 */
export class ModelPool implements AsyncDisposable {
  readonly #models = new Map<string, SharedArrayBuffer>();
  readonly #slots: readonly WorkerSlot[];
  readonly #queue: RunQueue<PoolRun>;
  readonly #clock: Clock;
  readonly #counts = { completed: 0, failed: 0, refused: 0, cancelled: 0, expired: 0 };
  #closing: Promise<void> | undefined;

  constructor(options: PoolOptions) {
    const { log = silentLogger, startWorker = startModelWorker } = options;
    this.#clock = options.clock ?? systemClock;
    this.#queue = new RunQueue({
      maxCount: options.maxQueued ?? 1024,
      maxBytes: options.maxQueuedBytes ?? 64 * 1024 * 1024,
    });
    const wiring = {
      start: startWorker,
      models: this.#models,
      log,
      onFree: () => this.#startRuns(),
    };
    this.#slots = Array.from({ length: options.workers }, () => new WorkerSlot(wiring));
  }

  get counts(): PoolCounts {
    return {
      queued: this.#queue.count,
      queuedBytes: this.#queue.bytes,
      running: this.#slots.filter(({ isBusy }) => isBusy).length,
      ...this.#counts,
    };
  }

  async ready(): Promise<void> {
    await Promise.all(this.#slots.map(async (slot) => slot.worker?.ready));
  }

  has(id: string): boolean {
    return this.#models.has(id);
  }

  /** Loads a model into every worker. What cannot be served is `invalid_argument`, an id in use is a `conflict`. */
  async load(id: string, bytes: Uint8Array): Promise<OnnxFile> {
    this.#checkOpen();
    if (this.#models.has(id))
      throw new AppError('conflict', 'a model of this id is loaded', { details: { id } });
    const shared = new SharedArrayBuffer(bytes.byteLength);
    new Uint8Array(shared).set(bytes);
    this.#models.set(id, shared);
    try {
      const files = await Promise.all(this.#slots.map((slot) => slot.load(id, shared)));
      const file = files.find((answer) => answer !== undefined);
      if (!file) throw new AppError('unavailable', 'no model worker is up');
      return file as OnnxFile;
    } catch (error) {
      await this.unload(id);
      throw error;
    }
  }

  /** Frees a model; runs that still wait for it fail with `not_found`. An unknown id is no error. */
  async unload(id: string): Promise<void> {
    this.#models.delete(id);
    await Promise.all(this.#slots.map((slot) => slot.unload(id)));
  }

  /** The outputs of a loaded model, as `OnnxModel.run` gives them. */
  run(id: string, inputs: readonly Tensor[], options: RunOptions = {}): Promise<readonly Tensor[]> {
    const run = new PoolRun(id, inputs, options, this.#clock);
    run.onSettled = (error) => {
      this.#queue.remove(run);
      this.#count(error);
    };
    try {
      this.#checkOpen();
      if (!this.#models.has(id)) throw notLoaded(id);
      if (run.isWanted()) {
        run.watch();
        this.#queue.push(run);
        this.#startRuns();
      }
    } catch (error) {
      run.fail(toAppError(error));
    }
    return run.answer;
  }

  /** How long one run of one row takes in a worker, in milliseconds; undefined when zeros cannot be scored. */
  async measureRunMs(id: string): Promise<number | undefined> {
    this.#checkOpen();
    const worker =
      this.#slots.find(({ freeWorker }) => freeWorker)?.worker ?? this.#slots[0]?.worker;
    if (!worker) throw new AppError('unavailable', 'no model worker is up');
    return (await worker.call({ kind: 'measure', id })) as number | undefined;
  }

  /** Refuses what waits, lets what runs end, and stops the workers. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    for (let run = this.#queue.shift(); run; run = this.#queue.shift()) run.fail(closed());
    await Promise.all(this.#slots.map((slot) => slot[Symbol.asyncDispose]()));
  }

  #startRuns(): void {
    for (const slot of this.#slots) {
      const worker = slot.freeWorker;
      if (!worker) continue;
      const run = this.#nextWanted();
      if (!run) return;
      void this.#perform(run, slot, worker);
    }
  }

  #nextWanted(): PoolRun | undefined {
    for (let run = this.#queue.shift(); run; run = this.#queue.shift())
      if (run.isWanted()) return run;
    return undefined;
  }

  async #perform(run: PoolRun, slot: WorkerSlot, worker: ModelWorker): Promise<void> {
    slot.isBusy = true;
    try {
      const { id } = run;
      if (!this.#models.has(id)) throw notLoaded(id);
      const { packed, transfer } = packTensors(run.inputs);
      const { outputs, rowByRow = false } = run.options;
      const answer = await worker.call(
        { kind: 'run', id, inputs: packed, outputs, rowByRow },
        transfer,
      );
      run.succeed(unpackTensors(answer as readonly PackedTensor[]));
    } catch (error) {
      run.fail(toAppError(error));
    } finally {
      slot.isBusy = false;
      this.#startRuns();
    }
  }

  #count(error: AppError | undefined): void {
    if (!error) this.#counts.completed += 1;
    else if (error.code === 'resource_exhausted') this.#counts.refused += 1;
    else if (error.code === 'cancelled') this.#counts.cancelled += 1;
    else if (error.code === 'deadline_exceeded') this.#counts.expired += 1;
    else this.#counts.failed += 1;
  }

  #checkOpen(): void {
    if (this.#closing) throw closed();
  }
}

function closed(): AppError {
  return new AppError('unavailable', 'the model pool is closed');
}

function notLoaded(id: string): AppError {
  return new AppError('not_found', 'the model is not loaded', { details: { id } });
}
