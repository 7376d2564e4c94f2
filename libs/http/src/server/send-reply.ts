import { pipeline, Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { AppError } from '@flywheel/core';
import { hasBody } from '../body/read-body.ts';
import { writeJson } from '../json/write-json.ts';
import type { RawReply } from './raw-route.ts';

const JSON_TYPE = 'application/json; charset=utf-8';

/** A body up to this size that nobody read is read off the connection; for more the connection is given up. */
const DISCARD_BYTES = 65_536;
const LINGER_MS = 2_000;

export type OpenStreams = Set<() => void>;

export type SendOptions = {
  readonly close: boolean;
  /** Replies of type `text/event-stream`, which end only when told to. */
  readonly eventStreams: OpenStreams;
};

/** How a streamed reply ended; an error if it broke off after its first byte. */
export type StreamEnd = 'whole' | 'gone' | Error;

/** Sends a reply; for a stream, resolves when it has ended and rejects if it fails before its first byte. */
export function sendReply(
  reply: FastifyReply,
  answer: RawReply,
  options: SendOptions,
): Promise<StreamEnd> | undefined {
  const { body } = answer;
  const unread = bodyIsUnread(reply);
  reply.code(answer.status ?? 200);
  if (answer.headers) reply.headers(answer.headers);
  if (options.close || unread) reply.header('connection', 'close');
  if (body instanceof Readable) return sendStream(reply, body, options);
  const payload = payloadOf(reply, body);
  if (unread) sendAndLinger(reply, payload);
  else void reply.send(payload);
  return undefined;
}

function payloadOf(
  reply: FastifyReply,
  body: Exclude<RawReply['body'], Readable>,
): string | Buffer | undefined {
  if (body === undefined) return undefined;
  if (typeof body === 'string') return typed(reply, 'text/plain; charset=utf-8', body);
  if (Buffer.isBuffer(body)) return typed(reply, 'application/octet-stream', body);
  if (body instanceof Uint8Array)
    return typed(
      reply,
      'application/octet-stream',
      Buffer.from(body.buffer, body.byteOffset, body.byteLength),
    );
  return typed(reply, JSON_TYPE, writeJson(body));
}

function typed<T>(reply: FastifyReply, type: string, payload: T): T {
  if (!reply.hasHeader('content-type')) reply.header('content-type', type);
  return payload;
}

function bodyIsUnread({ request: { raw } }: FastifyReply): boolean {
  if (raw.complete || raw.readableEnded || !hasBody(raw)) return false;
  return !(Number(raw.headers['content-length']) <= DISCARD_BYTES);
}

/**
 * Answers while the client still sends: the reply goes out whole, then what arrives is thrown away for a while.
 * Closing at once would reset the connection, and the client might never see the reply.
 */
function sendAndLinger(reply: FastifyReply, payload: string | Buffer | undefined): void {
  const { raw, request } = reply;
  reply.hijack();
  const bytes = Buffer.from(payload ?? '');
  raw.writeHead(reply.statusCode, { ...headersOf(reply), 'content-length': bytes.length });
  if (request.method === 'HEAD' || bytes.length === 0) raw.flushHeaders();
  else raw.write(bytes);
  const finish = () => {
    clearTimeout(timer);
    request.raw.off('end', finish).off('close', finish);
    raw.end();
  };
  const timer = setTimeout(finish, LINGER_MS);
  request.raw.unpipe(); // a stage that nobody reads any more would hold it back
  request.raw.on('end', finish).on('close', finish).on('error', finish).resume();
}

async function sendStream(
  reply: FastifyReply,
  body: Readable,
  options: SendOptions,
): Promise<StreamEnd> {
  const { raw } = reply;
  const isEvents = String(reply.getHeader('content-type')).startsWith('text/event-stream');
  raw.once('close', () => body.destroy());
  if (!isEvents) await firstChunk(body);
  typed(reply, 'application/octet-stream', undefined);
  reply.hijack();
  raw.writeHead(reply.statusCode, headersOf(reply));
  if (reply.request.method === 'HEAD') {
    body.destroy();
    raw.end();
    return 'whole';
  }
  raw.flushHeaders();
  const end = () => {
    body.unpipe(raw);
    raw.end();
  };
  if (isEvents) options.eventStreams.add(end);
  const error = await new Promise<Error | null>((resolve) => {
    pipeline(body, raw, (failure) => resolve(failure ?? null));
  });
  options.eventStreams.delete(end);
  if (error === null || raw.writableEnded) return 'whole';
  return 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE' ? 'gone' : error;
}

function firstChunk(body: Readable): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error | null) => {
      body.off('readable', settled).off('end', settled).off('error', settle).off('close', closed);
      if (error) reject(error);
      else resolve();
    };
    const settled = () => settle();
    const closed = () =>
      settle(
        body.errored ??
          (body.readableEnded ? undefined : new AppError('cancelled', 'reply was given up')),
      );
    if (body.errored) settle(body.errored);
    else if (body.readableEnded || body.readableLength > 0) settle();
    else body.on('readable', settled).on('end', settled).on('error', settle).on('close', closed);
  });
}

function headersOf(reply: FastifyReply): Record<string, string> {
  return reply.getHeaders() as Record<string, string>; // only text is ever set
}
