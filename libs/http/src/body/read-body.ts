import type { IncomingMessage, ServerResponse } from 'node:http';
import { PassThrough, Transform } from 'node:stream';
import type { Readable } from 'node:stream';
import { AppError } from '@flywheel/core';
import {
  bodyEncoding,
  inflateBytes,
  inflateError,
  inflateStream,
  tooLarge,
} from './body-encoding.ts';
import type { BodyEncoding } from './body-encoding.ts';
import type { BodyWatch, WatchedBody } from './body-watch.ts';

export type BodySource = {
  readonly raw: IncomingMessage;
  readonly response: ServerResponse;
  readonly limitBytes: number;
  readonly watch: BodyWatch;
};

/** Whether a body comes with the request at all (RFC 9112, section 6.3). */
export function hasBody(raw: IncomingMessage): boolean {
  const length = raw.headers['content-length'];
  return raw.headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}

/** The whole body, inflated; `payload_too_large` past the limit, `cancelled` if the client goes away. */
export function readBody(source: BodySource): Promise<Buffer> | Buffer {
  if (!hasBody(source.raw)) return EMPTY;
  const encoding = bodyEncoding(source.raw.headers);
  const bytes = readBytes(source);
  return encoding === undefined
    ? bytes
    : bytes.then((deflated) => inflateBytes(deflated, encoding, source.limitBytes));
}

const EMPTY = Buffer.alloc(0);

function readBytes({ raw, response, limitBytes, watch }: BodySource): Promise<Buffer> {
  if (Number(raw.headers['content-length']) > limitBytes)
    return Promise.reject(tooLarge(limitBytes));
  sendContinue(raw, response);
  return new Promise((resolve, reject) => {
    new BodyCollector({ raw, limitBytes, watch, resolve, reject }).start();
  });
}

type Collecting = Omit<BodySource, 'response'> & {
  resolve(bytes: Buffer): void;
  reject(error: Error): void;
};

/** Gathers the chunks of one body. Listeners stay: `error` must have one for as long as the request lives. */
class BodyCollector implements WatchedBody {
  readonly raw: IncomingMessage;
  readonly #deps: Collecting;
  readonly #chunks: Buffer[] = [];
  #sizeBytes = 0;
  #isSettled = false;

  constructor(deps: Collecting) {
    this.raw = deps.raw;
    this.#deps = deps;
  }

  start(): void {
    this.#deps.watch.add(this);
    this.raw
      .on('data', (chunk: Buffer) => this.#take(chunk))
      .on('end', () => this.#finish())
      .on('error', (cause: Error) => this.fail(gone(cause)));
  }

  isBehind(): boolean {
    return false;
  }

  fail(error: Error): void {
    if (this.#settle()) this.#deps.reject(error);
  }

  #take(chunk: Buffer): void {
    if (this.#isSettled) return;
    this.#sizeBytes += chunk.length;
    if (this.#sizeBytes > this.#deps.limitBytes) this.fail(tooLarge(this.#deps.limitBytes));
    else this.#chunks.push(chunk);
  }

  #finish(): void {
    if (!this.#settle()) return;
    const [only] = this.#chunks;
    // each chunk owns its memory, so that a single one needs no copy
    this.#deps.resolve(
      only !== undefined && this.#chunks.length === 1
        ? only
        : Buffer.concat(this.#chunks, this.#sizeBytes),
    );
  }

  #settle(): boolean {
    if (this.#isSettled) return false;
    this.#isSettled = true;
    this.#deps.watch.remove(this);
    return true;
  }
}

/** The body as a stream that reads no faster than it is read; it fails with the errors of `readBody`. */
export function streamBody(source: BodySource): Readable {
  const { raw, response, limitBytes, watch } = source;
  if (!hasBody(raw)) return new PassThrough().end();
  const encoding = bodyEncoding(raw.headers);
  if (encoding === undefined && Number(raw.headers['content-length']) > limitBytes)
    throw tooLarge(limitBytes);
  sendContinue(raw, response);
  const limited = limitTo(limitBytes);
  const first = encoding === undefined ? limited : inflateInto(limited, encoding, limitBytes);
  const onLost = (cause?: Error) => {
    if (!raw.complete) limited.destroy(gone(cause));
  };
  raw.on('error', onLost).on('close', onLost);
  const watched: WatchedBody = {
    raw,
    isBehind: () => limited.readableLength + limited.writableLength + raw.readableLength > 0,
    fail: (error) => limited.destroy(error),
  };
  watch.add(watched);
  // never `pipeline`: it would destroy the socket and with it the reply that tells what was wrong
  raw.pipe(first);
  raw.once('end', () => watch.remove(watched));
  limited.on('error', ignore).once('close', () => {
    watch.remove(watched);
    raw.unpipe(first);
    if (first !== limited) first.destroy();
  });
  return limited;
}

function inflateInto(target: Transform, encoding: BodyEncoding, limitBytes: number): Transform {
  const inflating = inflateStream(encoding);
  inflating.on('error', (error) => target.destroy(inflateError(error, encoding, limitBytes)));
  inflating.pipe(target);
  return inflating;
}

function limitTo(limitBytes: number): Transform {
  let sizeBytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      sizeBytes += chunk.length;
      if (sizeBytes > limitBytes) done(tooLarge(limitBytes));
      else done(null, chunk);
    },
  });
}

/** Asks for the body of a client that waits for leave to send it; nothing is asked for once an error is known. */
function sendContinue(raw: IncomingMessage, response: ServerResponse): void {
  if (raw.headers.expect?.toLowerCase() === '100-continue') response.writeContinue();
}

function gone(cause: unknown): AppError {
  return new AppError('cancelled', 'client went away', { cause });
}

function ignore(): void {
  return undefined;
}
