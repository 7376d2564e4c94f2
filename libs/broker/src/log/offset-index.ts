/** Offset of a batch, its position in the segment, and the largest timestamp of all batches before it. */
export type IndexEntry = readonly [offset: number, position: number, maxTimestampBefore: number];

export const indexIntervalBytes = 4096;

/** Sparse index of one segment: at most one entry for every 4 KiB. */
export class OffsetIndex {
  readonly #entries: IndexEntry[];

  constructor(entries: readonly IndexEntry[] = []) {
    this.#entries = [...entries];
  }

  get entries(): readonly IndexEntry[] {
    return this.#entries;
  }

  /** Called for every batch in order; keeps those that are far enough from the last one kept. */
  note(offset: number, position: number, maxTimestampBefore: number): void {
    const last = this.#entries.at(-1);
    if (last && position - last[1] < indexIntervalBytes) return;
    this.#entries.push([offset, position, maxTimestampBefore]);
  }

  /** The last entry at or before `offset`: reading starts there. */
  floor(offset: number): IndexEntry {
    return this.#last(([first]) => first <= offset);
  }

  /** The last entry before which every timestamp is smaller than `timestamp`. */
  floorByTime(timestamp: number): IndexEntry {
    return this.#last(([, , before]) => before < timestamp);
  }

  #last(holds: (entry: IndexEntry) => boolean): IndexEntry {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (holds(this.#entries[middle] as IndexEntry)) low = middle + 1;
      else high = middle;
    }
    return this.#entries[Math.max(0, low - 1)] ?? [0, 0, -1];
  }
}
