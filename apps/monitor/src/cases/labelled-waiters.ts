/** Callers that wait for labels of an endpoint, each until it is woken or its time is up. */
export class LabelledWaiters {
  readonly #waiting = new Map<string, Set<() => void>>();
  readonly #wakes = new Map<string, number>();

  /** How often `endpoint` was woken: taken before a caller looks, given back when it waits. */
  wakes(endpoint: string): number {
    return this.#wakes.get(endpoint) ?? 0;
  }

  /** Ends with the first wake after `seen`, at once when that has already come while the caller looked. */
  wait(endpoint: string, seen: number, withinMs: number): Promise<void> {
    if (this.wakes(endpoint) !== seen) return Promise.resolve();
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(endpoint) ?? new Set();
      this.#waiting.set(endpoint, waiting);
      const done = () => {
        clearTimeout(timer);
        waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, withinMs);
      waiting.add(done);
    });
  }

  wake(endpoint: string): void {
    this.#wakes.set(endpoint, this.wakes(endpoint) + 1);
    for (const done of this.#waiting.get(endpoint) ?? []) done();
  }
}
