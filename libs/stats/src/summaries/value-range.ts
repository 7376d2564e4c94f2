/** Smallest and largest finite value seen; merges, but cannot forget. */
export class ValueRange {
  #minimum = Infinity;
  #maximum = -Infinity;

  static of(values: Iterable<number | null | undefined>): ValueRange {
    const range = new ValueRange();
    for (const value of values) range.add(value);
    return range;
  }

  /** undefined before the first finite value. */
  get minimum(): number | undefined {
    return this.#minimum === Infinity ? undefined : this.#minimum;
  }

  get maximum(): number | undefined {
    return this.#maximum === -Infinity ? undefined : this.#maximum;
  }

  /** Ignores what is missing or not finite. */
  add(value: number | null | undefined): void {
    if (typeof value !== 'number' || !Number.isFinite(value)) return;
    if (value < this.#minimum) this.#minimum = value;
    if (value > this.#maximum) this.#maximum = value;
  }

  merge(other: ValueRange): this {
    this.add(other.minimum);
    this.add(other.maximum);
    return this;
  }

  toJSON(): { readonly minimum: number | null; readonly maximum: number | null } {
    return { minimum: this.minimum ?? null, maximum: this.maximum ?? null };
  }
}
