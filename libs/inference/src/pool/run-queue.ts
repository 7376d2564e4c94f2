import { AppError } from '@flywheel/core';

/** What waits; `sizeBytes` is what it keeps in memory. */
export type Waiting = { readonly sizeBytes: number };

/** First in, first out, bounded by count and by bytes: what does not fit is refused at once. */
export class RunQueue<T extends Waiting> {
  readonly #waiting = new Set<T>();
  readonly #maxCount: number;
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(bounds: { maxCount: number; maxBytes: number }) {
    this.#maxCount = bounds.maxCount;
    this.#maxBytes = bounds.maxBytes;
  }

  get count(): number {
    return this.#waiting.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  push(item: T): void {
    const isFull = this.count >= this.#maxCount || this.#bytes + item.sizeBytes > this.#maxBytes;
    if (isFull)
      throw new AppError('resource_exhausted', 'too many runs wait for a model worker', {
        details: { queued: this.count, queuedBytes: this.#bytes },
      });
    this.#waiting.add(item);
    this.#bytes += item.sizeBytes;
  }

  shift(): T | undefined {
    for (const item of this.#waiting) {
      this.remove(item);
      return item;
    }
    return undefined;
  }

  /** Takes out what need not run any more; what is not in here is left alone. */
  remove(item: T): void {
    if (this.#waiting.delete(item)) this.#bytes -= item.sizeBytes;
  }
}
