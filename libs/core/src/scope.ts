/**
 * Owns what was acquired: disposes it in reverse order, once, and tells all failures together. Children are
 * closed by their parent unless they closed themselves before.
 */
export class Scope implements AsyncDisposable {
  readonly #releases = new Set<() => unknown>();
  #closing: Promise<void> | undefined;

  /** Runs `release` when the scope closes, before everything deferred earlier. */
  defer(release: () => unknown): void {
    if (this.#closing) throw new Error('the scope is closed');
    this.#releases.add(release);
  }

  /** Takes ownership of `resource` and gives it back. A closed scope releases it at once, and throws. */
  use<T extends AsyncDisposable | Disposable>(resource: T): T {
    const release = () =>
      Symbol.asyncDispose in resource
        ? resource[Symbol.asyncDispose]()
        : resource[Symbol.dispose]();
    if (this.#closing) void Promise.resolve(release()).catch(() => undefined);
    this.defer(release);
    return resource;
  }

  /** True once the scope has begun to close. */
  get isClosing(): boolean {
    return this.#closing !== undefined;
  }

  child(): Scope {
    const child = new Scope();
    const release = () => child[Symbol.asyncDispose]();
    this.defer(release);
    child.defer(() => this.#releases.delete(release));
    return child;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const failures: unknown[] = [];
    for (const release of [...this.#releases].reverse()) {
      try {
        await release();
      } catch (failure) {
        failures.push(failure);
      }
    }
    this.#releases.clear();
    if (failures.length > 0) throw new AggregateError(failures, 'could not close everything');
  }
}
