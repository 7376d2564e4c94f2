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
import type { BodyWatch } from './body-watch.ts';

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
  return new Promise((resolve, reject) => {
    if (Number(raw.headers['content-length']) > limitBytes) {
      reject(tooLarge(limitBytes));
      return;
    }
    sendContinue(raw, response);
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    const settle = (error: Error | undefined) => {
      raw.off('data', onData).off('end', onEnd).off('error', onError).off('close', onClose);
      watch.remove(raw);
      if (error) {
        raw.on('error', ignore); // a reset may still follow
        reject(error);
      } else
        resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, sizeBytes));
    };
    const onData = (chunk: Buffer) => {
      sizeBytes += chunk.length;
      if (sizeBytes > limitBytes) settle(tooLarge(limitBytes));
      else chunks.push(chunk);
    };
    const onEnd = () => settle(undefined);
    const onError = (cause: Error) => settle(gone(cause));
    const onClose = () => settle(gone(undefined));
    raw.on('data', onData).on('end', onEnd).on('error', onError).on('close', onClose);
    watch.add(raw, settle);
  });
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
  watch.add(raw, (error) => limited.destroy(error));
  // never `pipeline`: it would destroy the socket and with it the reply that tells what was wrong
  raw.pipe(first);
  raw.once('end', () => watch.remove(raw));
  limited.on('error', ignore).once('close', () => {
    watch.remove(raw);
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
