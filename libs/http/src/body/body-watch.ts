import type { IncomingMessage } from 'node:http';
import { invalid } from '@flywheel/core';

/** Below this many bytes per idle time a sender counts as stalled, so that a trickle is no way round the limit. */
const PROGRESS_BYTES = 1024;

type Watched = { bytes: number; sinceMs: number; readonly fail: (error: Error) => void };

/**
 * Ends requests whose body stops coming, so that slow senders cannot hold connections for ever. A body that
 * waits because its reader is slow is left alone.
 */
export class BodyWatch implements Disposable {
  readonly #idleMs: number;
  readonly #watched = new Map<IncomingMessage, Watched>();
  readonly #timer: NodeJS.Timeout;

  constructor(idleMs: number) {
    this.#idleMs = idleMs;
    this.#timer = setInterval(() => this.#sweep(performance.now()), Math.max(10, idleMs / 5));
    this.#timer.unref();
  }

  add(raw: IncomingMessage, fail: (error: Error) => void): void {
    this.#watched.set(raw, { bytes: raw.socket.bytesRead, sinceMs: performance.now(), fail });
  }

  remove(raw: IncomingMessage): void {
    this.#watched.delete(raw);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #sweep(nowMs: number): void {
    for (const [raw, entry] of this.#watched) {
      const bytes = raw.socket.bytesRead;
      const readerIsSlow = raw.readableLength > 0;
      if (readerIsSlow || bytes - entry.bytes >= PROGRESS_BYTES) {
        entry.bytes = bytes;
        entry.sinceMs = nowMs;
      } else if (nowMs - entry.sinceMs >= this.#idleMs) {
        this.#watched.delete(raw);
        entry.fail(invalid('body', 'must keep arriving', { idleMs: this.#idleMs }));
      }
    }
  }
}
