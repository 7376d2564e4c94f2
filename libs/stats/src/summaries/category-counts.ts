import { invalid } from '@flywheel/core';
import { stateArray, stateCount, stateCounts, stateObject, stateText } from './state.ts';

export interface CategoryState {
  readonly categories: readonly string[];
  readonly counts: readonly number[];
  readonly other: number;
  readonly nulls: number;
}

/**
 * Counts of categories that are frozen when the reference is made; all others go to `other`, so that the state stays
 * bounded. Exact to merge and subtract. With a complete list, `other` > 0 means a category the reference never saw.
 */
export class CategoryCounts {
  readonly categories: readonly string[];
  readonly #places: ReadonlyMap<string, number>;
  readonly #counts: Float64Array;
  #other = 0;
  #nulls = 0;

  constructor(categories: readonly string[]) {
    this.categories = Object.freeze([...categories]);
    this.#places = new Map(categories.map((category, at) => [category, at]));
    if (this.#places.size !== categories.length) throw invalid('categories', 'must be distinct');
    this.#counts = new Float64Array(categories.length);
  }

  static of(
    categories: readonly string[],
    values: Iterable<string | null | undefined>,
  ): CategoryCounts {
    const counts = new CategoryCounts(categories);
    for (const value of values) counts.add(value);
    return counts;
  }

  static fromJSON(state: unknown): CategoryCounts {
    const fields = stateObject(state, 'categories');
    const names = stateArray(fields['categories'], 'categories.categories').map((name, at) =>
      stateText(name, `categories.categories[${at}]`),
    );
    const result = new CategoryCounts(names);
    const counts = stateCounts(fields['counts'], 'categories.counts');
    if (counts.length !== names.length)
      throw invalid('categories.counts', 'must have one entry per category');
    result.#counts.set(counts);
    result.#other = stateCount(fields['other'], 'categories.other');
    result.#nulls = stateCount(fields['nulls'], 'categories.nulls');
    return result;
  }

  /** One count per category, in the order of `categories`. */
  get counts(): Float64Array {
    return this.#counts.slice();
  }

  get other(): number {
    return this.#other;
  }

  get nulls(): number {
    return this.#nulls;
  }

  /** Values that are there: known or other. */
  get present(): number {
    return this.#counts.reduce((sum, count) => sum + count, this.#other);
  }

  get total(): number {
    return this.present + this.#nulls;
  }

  countOf(category: string): number {
    const place = this.#places.get(category);
    return place === undefined ? 0 : (this.#counts[place] as number);
  }

  add(value: string | null | undefined): void {
    this.#count(value, 1);
  }

  /** Takes back what `add(value)` counted. */
  remove(value: string | null | undefined): void {
    this.#count(value, -1);
  }

  merge(other: CategoryCounts): this {
    return this.#combine(other, 1);
  }

  subtract(other: CategoryCounts): this {
    return this.#combine(other, -1);
  }

  clone(): CategoryCounts {
    return new CategoryCounts(this.categories).merge(this);
  }

  toJSON(): CategoryState {
    return {
      categories: this.categories,
      counts: [...this.#counts],
      other: this.#other,
      nulls: this.#nulls,
    };
  }

  #count(value: string | null | undefined, by: 1 | -1): void {
    if (value === null || value === undefined) {
      this.#nulls += by;
      return;
    }
    const place = this.#places.get(value);
    if (place === undefined) this.#other += by;
    else this.#counts[place] = (this.#counts[place] as number) + by;
  }

  #combine(other: CategoryCounts, sign: 1 | -1): this {
    requireSameCategories(this, other);
    for (let at = 0; at < this.#counts.length; at++)
      this.#counts[at] = (this.#counts[at] as number) + sign * (other.#counts[at] as number);
    this.#other += sign * other.#other;
    this.#nulls += sign * other.#nulls;
    return this;
  }
}

/** Counts can only be compared or merged over the same list of categories. */
export function requireSameCategories(left: CategoryCounts, right: CategoryCounts): void {
  const same =
    left.categories.length === right.categories.length &&
    left.categories.every((category, at) => category === right.categories[at]);
  if (!same) throw invalid('categories', 'must be the same in both counts');
}

/** The `limit` most frequent categories of a sample, ties by name, in order of name: the list to freeze. */
export function topCategories(
  sample: Iterable<string | null | undefined>,
  limit: number,
): string[] {
  const counts = new Map<string, number>();
  for (const value of sample)
    if (value !== null && value !== undefined) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts]
    .sort(([leftName, left], [rightName, right]) =>
      left === right ? (leftName < rightName ? -1 : 1) : right - left,
    )
    .slice(0, limit)
    .map(([name]) => name)
    .sort();
}
