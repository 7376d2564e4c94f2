import { AppError, invalid } from '@flywheel/core';
import { JsonScanner } from '../json/json-scanner.ts';
import { jsonText } from '../json/json-text.ts';
import { headerLengthName } from './header-length.ts';
import { defaultLimits } from './limits.ts';
import type { InferLimits } from './limits.ts';
import type { TensorReading } from './read-tensor.ts';

export type BodyOptions = {
  /** The header Inference-Header-Content-Length; absent means that the whole body is JSON. */
  readonly headerLength?: number | undefined;
  readonly limits?: Partial<InferLimits> | undefined;
};

/** The JSON of a body, ready to be scanned, and the raw tensors after it. */
export function splitBody(body: Uint8Array, options: BodyOptions): TensorReading {
  const limits = options.limits ? { ...defaultLimits, ...options.limits } : defaultLimits;
  const { headerLength } = options;
  checkBodySize(body, limits);
  if (headerLength !== undefined) checkHeaderLength(headerLength, body);
  const json = headerLength === undefined ? body : body.subarray(0, headerLength);
  const tail = headerLength === undefined ? undefined : { bytes: body, at: headerLength };
  return { scanner: new JsonScanner(jsonText(json), limits), tail, limits };
}

export function checkBodySize(body: Uint8Array, limits: InferLimits): void {
  if (body.byteLength <= limits.maxBodyBytes) return;
  throw new AppError('payload_too_large', 'the body is larger than this endpoint accepts', {
    details: { field: 'body', rule: `must not exceed ${limits.maxBodyBytes} bytes` },
  });
}

/** Demands that every byte of the binary tail belonged to a tensor. */
export function checkTailRead({ tail }: TensorReading): void {
  if (!tail || tail.at === tail.bytes.byteLength) return;
  const extra = tail.bytes.byteLength - tail.at;
  throw invalid('body', `must end with the last tensor: ${extra} bytes too many`);
}

function checkHeaderLength(headerLength: number, body: Uint8Array): void {
  if (!Number.isSafeInteger(headerLength) || headerLength < 0)
    throw invalid(headerLengthName, 'must be a count of bytes');
  if (headerLength > body.byteLength)
    throw invalid(headerLengthName, `must not exceed the ${body.byteLength} bytes of the body`);
}
