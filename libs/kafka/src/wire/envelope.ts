import { AppError, newId } from '@flywheel/core';
import { type EventContract, readEventData } from '@flywheel/contracts';
import { WantedHeader } from './read-record.ts';
import { HeaderBlock, type HeaderMap } from './record.ts';

/** What every event carries besides its data: CloudEvents 1.0 with `dataversion`. */
export type Envelope = {
  readonly id: string;
  readonly type: string;
  readonly version: number;
  /** When it happened, RFC 3339. */
  readonly time: string;
  readonly subject: string;
  readonly source: string;
};

export type ReceivedEvent<Data> = Envelope & {
  readonly key: string;
  readonly data: Data;
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly headers: Readonly<Record<string, string>>;
};

/** A message whose value nobody has looked into. `type` is undefined for messages that are no CloudEvents. */
export type OpaqueRecord = {
  readonly id: string;
  readonly type: string | undefined;
  readonly key: string;
  readonly subject: string;
  readonly value: Uint8Array;
  /** When the log took it, milliseconds since the epoch. */
  readonly timeMs: number;
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
};

/** One message as it lies in the log. */
export type LogRecord = {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly keyText: string;
  /** Milliseconds since the epoch. */
  readonly timeMs: number;
  readonly offset: string;
  eachHeader(visit: (name: string, value: Buffer | null) => void): void;
  texts(wanted: readonly WantedHeader[]): (string | undefined)[];
};

export type Place = { readonly topic: string; readonly partition: number };

/** Topics take records of 1 MiB with all that is around the value. */
const maxValueBytes = 1_000_000;

/** The value and headers of an event in binary mode, its data checked against the contract. */
export function writeEvent<Data>(
  contract: EventContract<Data>,
  data: Data,
  about: { id?: string | undefined; time?: string | undefined; source: string; nowMs: number },
): { key: string; value: string; headers: Record<string, string> } {
  const parsed = readEventData(contract, contract.version, data);
  const key = contract.key(parsed);
  if (key === '') throw new AppError('invalid_argument', 'an event needs a key');
  const value = JSON.stringify(parsed);
  const sizeBytes = Buffer.byteLength(value);
  if (sizeBytes > maxValueBytes)
    throw new AppError('payload_too_large', 'the event is too large', {
      details: { type: contract.type, sizeBytes, maxValueBytes },
    });
  return {
    key,
    value,
    headers: {
      'content-type': 'application/json',
      ce_specversion: '1.0',
      ce_id: about.id ?? newId(about.nowMs),
      ce_source: about.source,
      ce_type: contract.type,
      ce_time: about.time ?? new Date(about.nowMs).toISOString(),
      ce_subject: key,
      ce_dataversion: String(contract.version),
    },
  };
}

/** The headers that all opaque messages of one contract share, written once. */
export function opaqueBlock(contract: EventContract, source: string): HeaderBlock {
  return new HeaderBlock({
    ce_specversion: '1.0',
    ce_source: source,
    ce_type: contract.type,
    ...(contract.version === 1 ? {} : { ce_dataversion: String(contract.version) }),
  });
}

/** The headers of one opaque message; the subject is left out where it is the key, which readers fall back to. */
export function opaqueHeaders(message: { id: string; key: string; subject: string }): HeaderMap {
  return message.subject === message.key
    ? { ce_id: message.id }
    : { ce_id: message.id, ce_subject: message.subject };
}

export type Attributes = Partial<Record<string, string>>;

/** All headers as text; of headers with the same name the last one counts. */
export function readHeaders(record: LogRecord): Record<string, string> {
  const headers = Object.create(null) as Record<string, string>;
  record.eachHeader((name, value) => {
    if (value !== null) headers[name] = value.toString('utf8');
  });
  return headers;
}

/** The type of the event in either mode, without reading its data; undefined if it is no CloudEvent. */
export function typeOf(record: LogRecord): string | undefined {
  const [type, contentType] = record.texts(typeHeaders);
  if (!contentType?.startsWith(structured)) return type;
  const attributes = parseJson(record.value ?? Buffer.alloc(0));
  return isObject(attributes) && typeof attributes['type'] === 'string'
    ? attributes['type']
    : undefined;
}

const structured = 'application/cloudevents';
const typeHeaders = [
  new WantedHeader('ce_type', { repeats: true }),
  new WantedHeader('content-type', { repeats: true }),
];
const opaqueHeaderNames = [
  new WantedHeader('ce_id'),
  new WantedHeader('ce_type', { repeats: true }),
  new WantedHeader('ce_subject', { repeats: true }),
];

/** Envelope and data of any version; `invalid_argument` if either is not what the contract says. */
export function readEvent<Data>(
  contract: EventContract<Data>,
  record: LogRecord,
  place: Place,
): ReceivedEvent<Data> {
  const headers = readHeaders(record);
  const { attributes, data } = headers['content-type']?.startsWith(structured)
    ? fromStructured(record)
    : fromBinary(headers, record);
  const key = record.keyText;
  const version = Number(attributes['dataversion'] ?? '1');
  return {
    id: required(attributes, 'id'),
    type: required(attributes, 'type'),
    version,
    time: attributes['time'] ?? new Date(record.timeMs).toISOString(),
    subject: attributes['subject'] ?? key,
    source: required(attributes, 'source'),
    key,
    data: readEventData(contract, version, data),
    topic: place.topic,
    partition: place.partition,
    offset: BigInt(record.offset),
    headers,
  };
}

/** Reads only what the headers say; `invalid_argument` if the message has no id. */
export function readOpaque(record: LogRecord, place: Place): OpaqueRecord {
  const [id, type, subject] = record.texts(opaqueHeaderNames);
  if (!id) throw unreadable('the id is missing');
  const { value, keyText: key } = record;
  if (value === null) throw unreadable('the value is null');
  return {
    id,
    type,
    key,
    subject: subject ?? key,
    value,
    timeMs: record.timeMs,
    topic: place.topic,
    partition: place.partition,
    offset: BigInt(record.offset),
  };
}

function fromBinary(
  headers: Readonly<Record<string, string>>,
  record: LogRecord,
): { attributes: Attributes; data: unknown } {
  if (record.value === null) throw unreadable('the value is null');
  const attributes = Object.create(null) as Record<string, string>;
  for (const [name, value] of Object.entries(headers))
    if (name.startsWith('ce_')) attributes[name.slice(3)] = value;
  for (const name of ['id', 'source', 'type']) required(attributes, name);
  return { attributes, data: parseJson(record.value) };
}

function fromStructured(record: LogRecord): { attributes: Attributes; data: unknown } {
  const event = parseJson(record.value ?? Buffer.alloc(0));
  if (!isObject(event)) throw unreadable('a structured event is a JSON object');
  const { data, data_base64: base64, ...rest } = event;
  const attributes = Object.create(null) as Record<string, string>;
  for (const [name, value] of Object.entries(rest))
    if (typeof value === 'string' || typeof value === 'number') attributes[name] = String(value);
  if (typeof base64 === 'string')
    return { attributes, data: parseJson(Buffer.from(base64, 'base64')) };
  return { attributes, data };
}

function required(attributes: Attributes, name: string): string {
  const value = attributes[name];
  if (value === undefined || value === '') throw unreadable(`the attribute ${name} is missing`);
  return value;
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8')) as unknown;
  } catch (cause) {
    throw unreadable('the data is not JSON', cause);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unreadable(rule: string, cause?: unknown): AppError {
  return new AppError('invalid_argument', 'the message is no event of ours', {
    details: { rule },
    cause,
  });
}
