/** Callers that wait for a thing to change, each for a bounded time. */
export class Waiters {
  readonly #waiting = new Map<string, Set<() => void>>();

  wait(id: string, withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(id) ?? new Set();
      this.#waiting.set(id, waiting);
      const done = () => {
        clearTimeout(timer);
        waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, withinMs);
      waiting.add(done);
    });
  }

  wake(id: string): void {
    for (const done of this.#waiting.get(id) ?? []) done();
    this.#waiting.delete(id);
  }
}
