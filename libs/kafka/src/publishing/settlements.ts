import type { AppError } from '@flywheel/core';
import type { Published, Settlement } from './lane.ts';

/** Resolves with all places in the order of the call, or rejects with the first failure once all are settled. */
export class Together implements Settlement {
  readonly promise: Promise<Published[]>;
  readonly #published: Published[];
  #open: number;
  #failure: AppError | undefined;
  #resolve!: (published: Published[]) => void;
  #reject!: (error: AppError) => void;

  constructor(count: number) {
    this.#published = new Array<Published>(count);
    this.#open = count;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    if (count === 0) this.#resolve([]);
  }

  acked(index: number, published: Published): void {
    this.#published[index] = published;
    this.#settle();
  }

  failed(_index: number, error: AppError): void {
    this.#failure ??= error;
    this.#settle();
  }

  #settle(): void {
    if (--this.#open > 0) return;
    if (this.#failure) this.#reject(this.#failure);
    else this.#resolve(this.#published);
  }
}
