import { deadLetterTopic } from '@flywheel/contracts';
import type { AppError } from '@flywheel/core';
import type { Outgoing } from '../publishing/lane.ts';
import type { LogRecord, Place } from '../wire/envelope.ts';

const maxOriginalHeaderBytes = 16_384;
const maxTextBytes = 1024;
const maxStackBytes = 4096;

/** A dead letter takes the largest record any topic takes, with the headers that explain it. */
export const deadLetterMaxBytes = 2_097_152;

/** The headers that say why a message is a dead letter, and where it lay. */
export type DeadLetterReason = {
  'dl-topic': string;
  'dl-partition': string;
  'dl-offset': string;
  'dl-group': string;
  'dl-code': string;
  'dl-text': string;
  'dl-stack': string;
  'dl-attempts': string;
  'dl-time': string;
};

/**
 * The original bytes, key and headers, with the reason beside them. Headers are bounded: of a message that failed
 * before (a replay) the first place stays and the latest error replaces the one before.
 */
export function deadLetter(
  record: LogRecord,
  place: Place,
  about: { service: string; group: string; error: AppError; attempts: number; nowMs: number },
): Outgoing {
  const headers: Record<string, string | Buffer | null | (string | Buffer | null)[]> = {};
  const origin: Record<string, string> = {
    'dl-topic': place.topic,
    'dl-partition': String(place.partition),
    'dl-offset': record.offset,
  };
  let originalBytes = 0;
  record.eachHeader((name, value) => {
    if (name in origin && value !== null) origin[name] = value.toString('utf8');
    if (name.startsWith('dl-')) return;
    originalBytes += name.length + (value?.length ?? 0);
    if (originalBytes > maxOriginalHeaderBytes) return;
    const known = headers[name];
    if (known === undefined) headers[name] = value;
    else if (Array.isArray(known)) known.push(value);
    else headers[name] = [known, value];
  });
  const reason: DeadLetterReason = {
    'dl-topic': origin['dl-topic'] ?? place.topic,
    'dl-partition': origin['dl-partition'] ?? String(place.partition),
    'dl-offset': origin['dl-offset'] ?? record.offset,
    'dl-group': about.group,
    'dl-code': about.error.code,
    'dl-text': cut(describe(about.error), maxTextBytes),
    'dl-stack': cut(stackOf(about.error), maxStackBytes),
    'dl-attempts': String(about.attempts),
    'dl-time': new Date(about.nowMs).toISOString(),
  };
  return {
    topic: deadLetterTopic(about.service).name,
    key: record.key,
    value: record.value,
    headers: { ...headers, ...reason },
  };
}

function describe(error: AppError): string {
  const rule = error.details?.['rule'];
  const cause = error.cause instanceof Error ? error.cause.message : undefined;
  return [error.message, typeof rule === 'string' ? rule : undefined, cause]
    .filter((part) => part !== undefined)
    .join(': ');
}

function stackOf(error: AppError): string {
  return (error.cause instanceof Error ? error.cause.stack : error.stack) ?? '';
}

function cut(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text);
  return bytes.length <= maxBytes ? text : bytes.subarray(0, maxBytes).toString('utf8');
}
