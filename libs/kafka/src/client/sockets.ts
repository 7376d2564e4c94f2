import { connect as connectPlain } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectSecure } from 'node:tls';
import type { ISocketFactory } from 'kafkajs';

const checkEveryMs = 1000;

type Watched = {
  bytesRead: number;
  bytesWritten: number;
  /** Since when bytes were written and nothing came back. */
  waitingSinceMs: number | undefined;
};

/**
 * Makes the sockets of one client: without Nagle's delay, and destroyed when the peer has not answered for
 * `silenceMs` (a peer that vanished without a word is not noticed by TCP for many minutes).
 */
export class Sockets {
  readonly #silenceMs: number;
  readonly #sockets = new Map<Socket, Watched>();
  #timer: NodeJS.Timeout | undefined;
  #checkedAtMs = 0;

  constructor({ silenceMs }: { silenceMs: number }) {
    this.#silenceMs = silenceMs;
  }

  readonly create: ISocketFactory = ({ host, port, ssl, onConnect }) => {
    // The library's types promise options that are absent on a plain connection.
    const socket: Socket = (ssl as typeof ssl | undefined)
      ? connectSecure({ host, port, ...ssl }, onConnect)
      : connectPlain({ host, port }, onConnect);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 60_000);
    this.#sockets.set(socket, { bytesRead: 0, bytesWritten: 0, waitingSinceMs: undefined });
    socket.once('close', () => this.#forget(socket));
    this.#start();
    return socket;
  };

  get count(): number {
    return this.#sockets.size;
  }

  destroyAll(): void {
    for (const socket of [...this.#sockets.keys()]) socket.destroy();
  }

  #start(): void {
    if (this.#timer) return;
    this.#checkedAtMs = performance.now();
    this.#timer = setInterval(() => this.#check(), checkEveryMs);
    this.#timer.unref();
  }

  #forget(socket: Socket): void {
    this.#sockets.delete(socket);
    if (this.#sockets.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #check(): void {
    const nowMs = performance.now();
    // A process that was itself stopped or starved has not read what may be there: it starts counting anew.
    const wasStarved = nowMs - this.#checkedAtMs > 3 * checkEveryMs;
    this.#checkedAtMs = nowMs;
    for (const [socket, seen] of this.#sockets) {
      if (socket.bytesRead !== seen.bytesRead || wasStarved) {
        seen.bytesRead = socket.bytesRead;
        seen.bytesWritten = socket.bytesWritten;
        seen.waitingSinceMs = undefined;
      } else if (socket.bytesWritten > seen.bytesWritten) {
        seen.waitingSinceMs ??= nowMs;
        if (nowMs - seen.waitingSinceMs > this.#silenceMs)
          socket.destroy(new Error('the broker does not answer'));
      }
    }
  }
}
