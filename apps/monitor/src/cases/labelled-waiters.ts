/** Callers that wait for labels of an endpoint, each until it is woken or its time is up. */
export class LabelledWaiters {
  readonly #waiting = new Map<string, Set<() => void>>();

  wait(endpoint: string, withinMs: number): Promise<void> {
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
    for (const done of this.#waiting.get(endpoint) ?? []) done();
  }
}
