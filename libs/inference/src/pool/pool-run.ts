import { AppError, toAppError } from '@flywheel/core';
import type { Clock } from '@flywheel/core';
import { tensorBytes } from '../tensors/tensor.ts';
import type { Tensor } from '../tensors/tensor.ts';
import type { Waiting } from './run-queue.ts';

export type RunOptions = {
  /** Whoever aborts gets `cancelled`; a run that has not begun never does. */
  readonly signal?: AbortSignal | undefined;
  /** The moment (of the pool's clock) after which nobody wants the answer: then `deadline_exceeded`. */
  readonly deadlineMs?: number | undefined;
  /** Which outputs; all by default. */
  readonly outputs?: readonly string[] | undefined;
  /** Run each row alone, so that its bits do not depend on the batch. */
  readonly rowByRow?: boolean | undefined;
};

const longestTimerMs = 2 ** 31 - 1;

/** One run somebody waits for: settled once, by its answer, its deadline or its caller. */
export class PoolRun implements Waiting {
  readonly id: string;
  readonly inputs: readonly Tensor[];
  readonly options: RunOptions;
  readonly sizeBytes: number;
  readonly answer: Promise<readonly Tensor[]>;
  readonly #clock: Clock;
  readonly #resolve: (outputs: readonly Tensor[]) => void;
  readonly #reject: (error: AppError) => void;
  readonly #onAbort = () => this.fail(toAppError(this.options.signal?.reason));
  #timer: NodeJS.Timeout | undefined;
  #isSettled = false;
  /** Called once, when it is settled. */
  onSettled: (error?: AppError) => void = () => undefined;

  constructor(id: string, inputs: readonly Tensor[], options: RunOptions, clock: Clock) {
    this.id = id;
    this.inputs = inputs;
    this.options = options;
    this.sizeBytes = inputs.reduce((sum, tensor) => sum + tensorBytes(tensor), 0);
    this.#clock = clock;
    let resolve!: (outputs: readonly Tensor[]) => void;
    let reject!: (error: AppError) => void;
    this.answer = new Promise((resolveAnswer, rejectAnswer) => {
      resolve = resolveAnswer;
      reject = rejectAnswer;
    });
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** Starts watching the caller's signal and deadline. */
  watch(): void {
    const { signal, deadlineMs } = this.options;
    signal?.addEventListener('abort', this.#onAbort, { once: true });
    if (deadlineMs === undefined) return;
    const leftMs = deadlineMs - this.#clock.nowMs();
    if (leftMs <= longestTimerMs)
      this.#timer = setTimeout(() => this.expire(), Math.max(leftMs, 0));
  }

  /** Whether somebody still wants it; one whose moment has passed is expired by asking. */
  isWanted(): boolean {
    const { signal, deadlineMs } = this.options;
    if (signal?.aborted) this.#onAbort();
    if (deadlineMs !== undefined && this.#clock.nowMs() >= deadlineMs) this.expire();
    return !this.#isSettled;
  }

  succeed(outputs: readonly Tensor[]): void {
    if (!this.#settle()) return;
    this.#resolve(outputs);
    this.onSettled();
  }

  fail(error: AppError): void {
    if (!this.#settle()) return;
    this.#reject(error);
    this.onSettled(error);
  }

  expire(): void {
    this.fail(new AppError('deadline_exceeded', 'the deadline passed before the model answered'));
  }

  #settle(): boolean {
    if (this.#isSettled) return false;
    this.#isSettled = true;
    clearTimeout(this.#timer);
    this.options.signal?.removeEventListener('abort', this.#onAbort);
    return true;
  }
}
