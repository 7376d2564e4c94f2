import type { IncomingHttpHeaders } from 'node:http';
import type { Transform } from 'node:stream';
import { createGunzip, createInflate, gunzip, inflate } from 'node:zlib';
import { AppError, invalid } from '@flywheel/core';

export type BodyEncoding = 'gzip' | 'deflate';

/** What `content-encoding` asks for; `invalid_argument` for anything but gzip, deflate (zlib) and identity. */
export function bodyEncoding(headers: IncomingHttpHeaders): BodyEncoding | undefined {
  const encoding = headers['content-encoding']?.trim().toLowerCase();
  if (encoding === undefined || encoding === '' || encoding === 'identity') return undefined;
  if (encoding === 'gzip' || encoding === 'x-gzip') return 'gzip';
  if (encoding === 'deflate') return 'deflate';
  throw invalid('content-encoding', 'must be gzip, deflate or identity');
}

export function tooLarge(limitBytes: number): AppError {
  return new AppError('payload_too_large', 'body is too large', { details: { limitBytes } });
}

/** The bytes inflated, at most `limitBytes` of them. */
export function inflateBytes(
  bytes: Buffer,
  encoding: BodyEncoding,
  limitBytes: number,
): Promise<Buffer> {
  const run = encoding === 'gzip' ? gunzip : inflate;
  const maxOutputLength = Math.min(Math.max(limitBytes, 1), MAX_BUFFER_BYTES);
  return new Promise((resolve, reject) => {
    run(bytes, { maxOutputLength }, (error, inflated) => {
      if (error) reject(inflateError(error, encoding, limitBytes));
      else if (inflated.length > limitBytes) reject(tooLarge(limitBytes));
      else resolve(inflated);
    });
  });
}

const MAX_BUFFER_BYTES = 2 ** 32;

export function inflateStream(encoding: BodyEncoding): Transform {
  return encoding === 'gzip' ? createGunzip() : createInflate();
}

export function inflateError(error: Error, encoding: BodyEncoding, limitBytes: number): AppError {
  if ('code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') return tooLarge(limitBytes);
  return invalid('body', `is not valid ${encoding}`);
}
