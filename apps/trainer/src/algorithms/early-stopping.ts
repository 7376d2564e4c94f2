export type Direction = 'minimize' | 'maximize';

/**
 * Watches one named series and says when it has not improved for `patience` rounds. Rounds count from 1. NaN never
 * counts as an improvement. Other metrics and other data sets do not come in here, so they cannot interfere.
 */
export class EarlyStopping {
  readonly #patience: number;
  readonly #sign: number;
  #round = 0;
  #bestRound = 0;
  #bestValue = Infinity;

  constructor(options: { readonly patience: number; readonly direction: Direction }) {
    this.#patience = options.patience;
    this.#sign = options.direction === 'minimize' ? 1 : -1;
  }

  /** Records the next round's value; true when training should stop now. */
  observe(value: number): boolean {
    this.#round++;
    if (this.#sign * value < this.#bestValue) {
      this.#bestValue = this.#sign * value;
      this.#bestRound = this.#round;
    }
    return this.#round - this.#bestRound >= this.#patience;
  }

  /** The round with the best value so far, counting from 1; 0 before any. */
  get bestRound(): number {
    return this.#bestRound;
  }
}
