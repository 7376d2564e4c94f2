import { setTimeout as delay } from 'node:timers/promises';
import { toAppError } from '@flywheel/core';
import type { Logger } from '@flywheel/core';
import type { Worker } from 'node:worker_threads';
import { ModelWorker } from './model-worker.ts';

type Wiring = {
  readonly start: () => Worker;
  /** What every worker is to hold, by id. */
  readonly models: ReadonlyMap<string, SharedArrayBuffer>;
  readonly log: Logger;
  readonly onFree: () => void;
};

/** A place in the pool: there is always a worker in it, or one on its way. */
export class WorkerSlot implements AsyncDisposable {
  readonly #wiring: Wiring;
  readonly #closing = new AbortController();
  readonly #life: Promise<void>;
  #worker: ModelWorker | undefined;
  #loaded = new Map<string, Promise<unknown>>();
  #isUp = false;
  isBusy = false;

  constructor(wiring: Wiring) {
    this.#wiring = wiring;
    this.#worker = new ModelWorker(wiring.start());
    this.#life = this.#live(this.#worker);
  }

  /** The worker when it may be given a run, with every model loaded. */
  get freeWorker(): ModelWorker | undefined {
    return this.#isUp && !this.isBusy && this.#worker?.isAlive ? this.#worker : undefined;
  }

  /** Whatever worker is there now, for calls that may wait behind a run. */
  get worker(): ModelWorker | undefined {
    return this.#worker;
  }

  /** Loads one of the models once; what the worker says of it. */
  load(id: string, bytes: SharedArrayBuffer): Promise<unknown> {
    const worker = this.#worker;
    if (!worker) return Promise.resolve(undefined);
    let loading = this.#loaded.get(id);
    if (!loading) {
      loading = worker.ready.then(() => worker.call({ kind: 'load', id, bytes }));
      loading.catch(() => undefined);
      this.#loaded.set(id, loading);
    }
    return loading;
  }

  async unload(id: string): Promise<void> {
    if (!this.#loaded.delete(id)) return;
    await this.#worker?.call({ kind: 'unload', id }).catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#worker?.[Symbol.asyncDispose]();
    await this.#life;
  }

  /** Replaces the worker whenever it dies, after a wait that grows while new ones die before they are up. */
  async #live(first: ModelWorker): Promise<void> {
    let worker = first;
    let failures = 0;
    for (;;) {
      if (await this.#bringUp(worker)) failures = 0;
      const cause = await worker.exited;
      this.#isUp = false;
      this.#worker = undefined;
      this.#loaded = new Map();
      if (this.#closing.signal.aborted) return;
      this.#wiring.log.warn({ err: cause, failures }, 'model worker died and is replaced');
      const waitMs = failures === 0 ? 0 : Math.min(100 * 2 ** failures, 10_000);
      failures += 1;
      await delay(waitMs, undefined, { signal: this.#closing.signal }).catch(() => undefined);
      if (this.#isClosing()) return;
      worker = new ModelWorker(this.#wiring.start());
      this.#worker = worker;
    }
  }

  #isClosing(): boolean {
    return this.#closing.signal.aborted;
  }

  async #bringUp(worker: ModelWorker): Promise<boolean> {
    try {
      await worker.ready;
      // Models that are added meanwhile are reached by this iteration too.
      for (const [id, bytes] of this.#wiring.models)
        await this.load(id, bytes).catch((error: unknown) => {
          if (this.#wiring.models.has(id))
            this.#wiring.log.error({ err: toAppError(error), id }, 'model could not be loaded');
        });
      this.#isUp = true;
      this.#wiring.onFree();
      return true;
    } catch {
      return false;
    }
  }
}
