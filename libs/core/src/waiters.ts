/** Callers that wait for a thing to change, each for a bounded time and no longer than the process. */
export class Waiters {
  readonly #waiting = new Map<string, Set<() => void>>();
  readonly #stopping: AbortSignal;

  constructor(stopping: AbortSignal) {
    this.#stopping = stopping;
    stopping.addEventListener('abort', () => {
      for (const id of this.#waiting.keys()) this.wake(id);
    });
  }

  /** What `look` gives; if that is not settled, what it gives after the next change. */
  async until<T>(
    id: string,
    withinMs: number,
    look: () => Promise<T>,
    isSettled: (seen: T) => boolean,
  ): Promise<T> {
    // Listens before it looks: a change in between is not missed.
    using change = this.#listen(id, withinMs);
    const seen = await look();
    if (withinMs === 0 || isSettled(seen)) return seen;
    await change.happened;
    return await look();
  }

  wake(id: string): void {
    for (const done of this.#waiting.get(id) ?? []) done();
  }

  #listen(id: string, withinMs: number): { happened: Promise<void> } & Disposable {
    const waiting = this.#waiting.get(id) ?? new Set();
    this.#waiting.set(id, waiting);
    const change = new AbortController();
    const done = () => change.abort();
    const timer = setTimeout(done, withinMs);
    waiting.add(done);
    const happened = new Promise<void>((resolve) => {
      change.signal.addEventListener('abort', () => {
        clearTimeout(timer);
        waiting.delete(done);
        if (waiting.size === 0) this.#waiting.delete(id);
        resolve();
      });
    });
    if (this.#stopping.aborted) done();
    return { happened, [Symbol.dispose]: done };
  }
}
