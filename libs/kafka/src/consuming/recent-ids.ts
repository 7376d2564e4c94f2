/**
 * The ids of the last `capacity` to twice as many events of each partition, in memory: catches the repetitions of a
 * producer that sent twice, which lie close together. Ask before the effect, remember after it: an id remembered before
 * an effect that then fails would lose the event.
 */
export class RecentIds {
  readonly #capacity: number;
  readonly #windows = new Map<number, { newer: Set<string>; older: Set<string> }>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  has(partition: number, id: string): boolean {
    const window = this.#windows.get(partition);
    return window !== undefined && (window.newer.has(id) || window.older.has(id));
  }

  remember(partition: number, id: string): void {
    let window = this.#windows.get(partition);
    if (!window) {
      window = { newer: new Set(), older: new Set() };
      this.#windows.set(partition, window);
    }
    window.newer.add(id);
    if (window.newer.size < this.#capacity) return;
    window.older = window.newer;
    window.newer = new Set();
  }
}
