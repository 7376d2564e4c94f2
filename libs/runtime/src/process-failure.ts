import type { Logger } from '@flywheel/core';

/** The first failure of anything that runs in the background; what fails while the process stops is none. */
export class ProcessFailure {
  /** Rejects at the first failure. */
  readonly failed: Promise<never>;
  readonly #log: Logger;
  readonly #stopping: AbortSignal;
  #reject: (error: unknown) => void = () => undefined;

  constructor(log: Logger, stopping: AbortSignal) {
    this.#log = log;
    this.#stopping = stopping;
    this.failed = new Promise<never>((_, reject) => {
      this.#reject = reject;
    });
    this.failed.catch(() => undefined); // nobody awaiting it is no error
  }

  /** Watches `work`, known as `part` in the log. */
  watch(part: string, work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      if (this.#stopping.aborted) return;
      this.#log.error({ err: error, part }, 'a part of the process failed');
      this.#reject(error);
    });
  }
}
