import { close, closeSync, fdatasync, fdatasyncSync, openSync } from 'node:fs';
import { promisify } from 'node:util';

const syncAsync = promisify(fdatasync);
const closeAsync = promisify(close);

/**
 * Brings files to the disk for many writers at once: what is noted while a sync runs waits for the next one, which then
 * serves all of them. The caller goes on working meanwhile and holds back only its answers.
 */
export class GroupSync {
  /** Descriptors of their own by path: the writer may close its own before the sync. */
  readonly #dirty = new Map<string, number>();
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  /** `path` was written to and must reach the disk. */
  note(path: string): void {
    if (!this.#dirty.has(path)) this.#dirty.set(path, openSync(path, 'r'));
  }

  /** Resolves when all that was noted is on the disk; undefined when it already is. Rejects when the disk fails. */
  settled(): Promise<void> | undefined {
    if (this.#dirty.size > 0) this.#next ??= this.#flushAfter(this.#running);
    return this.#next ?? this.#running;
  }

  /** The same at once, for what must not be written before it. */
  settleNow(): void {
    for (const descriptor of this.#take()) {
      fdatasyncSync(descriptor);
      closeSync(descriptor);
    }
  }

  async #flushAfter(earlier: Promise<void> | undefined): Promise<void> {
    await earlier;
    const mine = this.#next;
    this.#running = mine;
    this.#next = undefined;
    await Promise.all(
      this.#take().map(async (descriptor) => {
        await syncAsync(descriptor);
        await closeAsync(descriptor);
      }),
    );
    if (this.#running === mine) this.#running = undefined;
  }

  #take(): number[] {
    const descriptors = [...this.#dirty.values()];
    this.#dirty.clear();
    return descriptors;
  }
}
