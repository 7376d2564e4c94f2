import type { IncomingMessage } from 'node:http';
import { invalid } from '@flywheel/core';

/** Below this many bytes per idle time a sender counts as stalled, so that a trickle is no way round the limit. */
const PROGRESS_BYTES = 1024;

/** A body being read. */
export type WatchedBody = {
  readonly raw: IncomingMessage;
  /** Whether something that has arrived still waits to be read: then the sender is not to blame. */
  isBehind(): boolean;
  fail(error: Error): void;
};

type Progress = { bytes: number; sinceMs: number };

/**
 * Ends requests whose body stops coming, so that slow senders cannot hold connections for ever. A body that
 * waits because its reader is slow is left alone.
 */
export class BodyWatch implements Disposable {
  readonly #idleMs: number;
  /** Progress is first noted by a sweep: most bodies are over before one comes. */
  readonly #progressByBody = new Map<WatchedBody, Progress | undefined>();
  readonly #timer: NodeJS.Timeout;

  constructor(idleMs: number) {
    this.#idleMs = idleMs;
    this.#timer = setInterval(() => this.#sweep(performance.now()), Math.max(10, idleMs / 5));
    this.#timer.unref();
  }

  add(body: WatchedBody): void {
    this.#progressByBody.set(body, undefined);
  }

  remove(body: WatchedBody): void {
    this.#progressByBody.delete(body);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #sweep(nowMs: number): void {
    for (const [body, progress] of this.#progressByBody) {
      const bytes = body.raw.socket.bytesRead;
      const hasMoved = progress === undefined || bytes - progress.bytes >= PROGRESS_BYTES;
      if (hasMoved || body.isBehind()) this.#progressByBody.set(body, { bytes, sinceMs: nowMs });
      else if (nowMs - progress.sinceMs >= this.#idleMs) {
        this.#progressByBody.delete(body);
        body.fail(invalid('body', 'must keep arriving', { idleMs: this.#idleMs }));
      }
    }
  }
}
