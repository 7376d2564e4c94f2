import type { Socket } from 'node:net';
import type { Logger } from '@flywheel/core';
import { apiVersionsKey, apiVersionsResponse } from './apis/api-versions.ts';
import { FrameAssembler } from './frames.ts';
import type { AnyApi } from './protocol/api.ts';
import { errorCodes } from './protocol/error-codes.ts';
import { nullableString } from './protocol/codec.ts';
import { Reader } from './protocol/reader.ts';
import { Writer } from './protocol/writer.ts';

const keepAliveMs = 60_000;

export type ConnectionLimits = {
  readonly maxFrameBytes: number;
  /** Above this many bytes of requests not yet answered the socket is not read. */
  readonly maxUnansweredBytes: number;
};

/** A place in the order of answers: `undefined` until it is known, `null` when nothing is sent. */
type Slot = { answer: Buffer[] | null | undefined };

/**
 * One client. Requests start in the order they come and are answered in that order; only produce requests may start
 * while others of their kind still wait for the disk. A request that cannot be read ends the connection.
 */
export class Connection {
  readonly #socket: Socket;
  readonly #apis: ReadonlyMap<number, AnyApi>;
  readonly #limits: ConnectionLimits;
  readonly #log: Logger;
  readonly #frames: FrameAssembler;
  readonly #gone = new AbortController();
  readonly #queue: Buffer[] = [];
  readonly #slots: Slot[] = [];
  readonly #host: string;
  #unansweredBytes = 0;
  #isRunning = false;
  #onProgress: (() => void) | undefined;

  constructor(
    socket: Socket,
    apis: ReadonlyMap<number, AnyApi>,
    limits: ConnectionLimits,
    log: Logger,
  ) {
    this.#socket = socket;
    this.#apis = apis;
    this.#limits = limits;
    this.#log = log;
    this.#frames = new FrameAssembler(limits.maxFrameBytes);
    this.#host = socket.remoteAddress ?? '';
    socket.setNoDelay(true);
    socket.setKeepAlive(true, keepAliveMs); // a peer that vanished is noticed
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('drain', () => this.#progress());
    socket.on('error', (error) => log.debug({ err: error }, 'connection broke'));
    socket.on('close', () => {
      this.#gone.abort();
      this.#progress();
    });
  }

  /** Everything that was started is answered; then the socket closes. */
  async end(): Promise<void> {
    this.#socket.pause();
    this.#gone.abort();
    await this.#until(() => this.#slots.length === 0 && !this.#isRunning);
    if (this.#socket.destroyed) return;
    await new Promise<void>((resolve) => this.#socket.end(resolve));
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    try {
      for (const frame of this.#frames.push(chunk)) {
        this.#queue.push(frame);
        this.#unansweredBytes += frame.length;
      }
    } catch (error) {
      this.#refuse(error);
      return;
    }
    if (this.#unansweredBytes > this.#limits.maxUnansweredBytes) this.#socket.pause();
    if (this.#isRunning || this.#queue.length === 0) return;
    this.#isRunning = true;
    this.#run()
      .catch((error: unknown) => this.#refuse(error))
      .finally(() => {
        this.#isRunning = false;
        this.#progress();
      });
  }

  async #run(): Promise<void> {
    for (;;) {
      const frame = this.#queue.shift();
      if (!frame || this.#gone.signal.aborted) return;
      const key = frame.readInt16BE(0);
      if (this.#apis.get(key)?.isPipelined !== true && this.#slots.length > 0)
        await this.#until(() => this.#slots.length === 0);
      if (this.#socket.writableNeedDrain) await this.#until(() => !this.#socket.writableNeedDrain);
      await this.#start(key, frame);
    }
  }

  /** Resolves when the next request may start. */
  async #start(key: number, frame: Buffer): Promise<void> {
    const from = new Reader(frame, 2);
    const version = from.int16();
    const correlationId = from.int32();
    const api = this.#apis.get(key);
    if (!api || version < api.minVersion || version > api.maxVersion) {
      if (key !== apiVersionsKey) throw new Error(`api ${key} version ${version} is not served`);
      this.#settle(this.#slot(), frame, unsupportedApiVersions(this.#apis, correlationId));
      return;
    }
    const clientId = nullableString.read(from, version) ?? '';
    const request = api.request.read(from, version);
    const ready = api.prepare?.(request);
    if (ready) await ready;
    const slot = this.#slot();
    const caller = { version, clientId, host: this.#host, gone: this.#gone.signal };
    const answering = this.#answer(api, request, caller, { slot, frame, correlationId });
    if (api.isPipelined) answering.catch((error: unknown) => this.#refuse(error));
    else await answering;
  }

  async #answer(
    api: AnyApi,
    request: unknown,
    caller: Parameters<AnyApi['handle']>[1],
    place: { slot: Slot; frame: Buffer; correlationId: number },
  ): Promise<void> {
    try {
      const response = await api.handle(request, caller);
      this.#settle(
        place.slot,
        place.frame,
        response === undefined ? null : encode(api, response, caller.version, place.correlationId),
      );
    } catch (error) {
      this.#settle(place.slot, place.frame, null);
      throw error;
    }
  }

  #slot(): Slot {
    const slot: Slot = { answer: undefined };
    this.#slots.push(slot);
    return slot;
  }

  #settle(slot: Slot, frame: Buffer, answer: Buffer[] | null): void {
    slot.answer = answer;
    this.#unansweredBytes -= frame.length;
    this.#flush();
    const isBelow = this.#unansweredBytes <= this.#limits.maxUnansweredBytes;
    if (isBelow && this.#socket.isPaused() && !this.#gone.signal.aborted) this.#socket.resume();
  }

  #flush(): void {
    let count = 0;
    this.#socket.cork();
    for (const { answer } of this.#slots) {
      if (answer === undefined) break;
      count += 1;
      if (answer && this.#socket.writable) for (const chunk of answer) this.#socket.write(chunk);
    }
    this.#socket.uncork();
    if (count === 0) return;
    this.#slots.splice(0, count);
    this.#progress();
  }

  #refuse(error: unknown): void {
    if (this.#socket.destroyed) return;
    this.#log.warn({ err: error, host: this.#host }, 'connection closed for a bad request');
    this.#queue.length = 0;
    this.#socket.destroy();
  }

  async #until(holds: () => boolean): Promise<void> {
    while (!holds() && !this.#socket.destroyed)
      await new Promise<void>((resolve) => {
        const earlier = this.#onProgress;
        this.#onProgress = () => {
          earlier?.();
          resolve();
        };
      });
  }

  #progress(): void {
    const wake = this.#onProgress;
    this.#onProgress = undefined;
    wake?.();
  }
}

function encode(api: AnyApi, response: unknown, version: number, correlationId: number): Buffer[] {
  const to = new Writer();
  to.int32(correlationId);
  api.response.write(to, response, version);
  return to.finish();
}

/** A client that speaks a newer version learns from a version-0 answer what it can fall back to. */
function unsupportedApiVersions(
  apis: ReadonlyMap<number, AnyApi>,
  correlationId: number,
): Buffer[] {
  const to = new Writer();
  to.int32(correlationId);
  const answer = { error: errorCodes.unsupportedVersion, apis: [...apis.values()] };
  apiVersionsResponse.write(to, answer, 0);
  return to.finish();
}
