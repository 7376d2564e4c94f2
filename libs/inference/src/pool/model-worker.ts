import { AppError } from '@flywheel/core';
import type { Worker } from 'node:worker_threads';
import { unpackError } from './worker-messages.ts';
import type { WorkerReply, WorkerRequest } from './worker-messages.ts';

type Pending = { resolve: (value: unknown) => void; reject: (error: unknown) => void };

/** One worker thread as a thing to call. When it dies, every call under way fails with `unavailable`. */
export class ModelWorker implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  #calls = 0;
  #failure: unknown;
  #isDead = false;
  /** Resolves when the thread takes calls; rejects when it dies before. */
  readonly ready: Promise<void>;
  /** Resolves with what killed the thread, undefined for a plain exit. */
  readonly exited: Promise<unknown>;

  constructor(worker: Worker) {
    this.#worker = worker;
    const exited = new Promise<unknown>((resolve) => {
      worker.on('error', (error) => {
        this.#failure = error;
      });
      worker.on('exit', () => {
        this.#isDead = true;
        for (const { reject } of this.#pending.values()) reject(dead(this.#failure));
        this.#pending.clear();
        resolve(this.#failure);
      });
    });
    this.exited = exited;
    this.ready = new Promise<void>((resolve, reject) => {
      worker.on('message', (reply: WorkerReply) => {
        if (reply.kind === 'ready') resolve();
        else this.#settle(reply);
      });
      void exited.then(() => reject(dead(this.#failure)));
    });
    this.ready.catch(() => undefined);
  }

  get isAlive(): boolean {
    return !this.#isDead;
  }

  call(request: WorkerRequest, transfer: readonly ArrayBuffer[] = []): Promise<unknown> {
    if (this.#isDead) return Promise.reject(dead(this.#failure));
    const call = (this.#calls += 1);
    return new Promise((resolve, reject) => {
      this.#pending.set(call, { resolve, reject });
      this.#worker.postMessage({ call, request }, transfer);
    });
  }

  /**
   * Lets what runs come to its end. A thread is never stopped from outside: in the middle of a run that would abort the
   * whole process.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isDead) return;
    this.#worker.postMessage('close');
    await this.exited;
  }

  #settle(reply: Exclude<WorkerReply, { kind: 'ready' }>): void {
    const pending = this.#pending.get(reply.call);
    this.#pending.delete(reply.call);
    if (reply.kind === 'done') pending?.resolve(reply.value);
    else pending?.reject(unpackError(reply.error));
  }
}

function dead(cause: unknown): AppError {
  return new AppError('unavailable', 'the model worker died', { cause });
}
