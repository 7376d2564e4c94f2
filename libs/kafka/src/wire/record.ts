import { type Bytes, Out, sizeOfBytes, sizeOfVarInt, sizeOfVarLong } from './out.ts';

export type HeaderMap = Readonly<Record<string, Bytes | readonly Bytes[]>>;

/** Headers written once and used for many records. */
export class HeaderBlock {
  readonly headers: HeaderMap;
  readonly count: number;
  readonly bytes: Uint8Array;

  constructor(headers: HeaderMap) {
    const out = new Out(sizeOfHeaders(headers));
    this.headers = headers;
    this.count = putHeaders(out, headers);
    this.bytes = out.buffer;
  }
}

export type RecordToWrite = {
  readonly key?: string | Uint8Array | null;
  readonly value?: string | Uint8Array | null;
  readonly headers?: HeaderMap;
  /** Written before `headers`. */
  readonly block?: HeaderBlock | undefined;
};

type Deltas = { readonly offsetDelta: number; readonly timestampDelta: number };

/**
 * One record of a record batch (message format v2): length varint, attributes int8, timestamp delta varlong, offset
 * delta varint, key and value each with a varint length (-1 = null), then a varint count of headers, each a key and a
 * value in the same form.
 */
export function putRecord(out: Out, record: RecordToWrite, deltas: Deltas, bodySize: number): void {
  const { key, value, headers, block } = record;
  out.varInt(bodySize);
  out.int8(0);
  out.varLong(deltas.timestampDelta);
  out.varInt(deltas.offsetDelta);
  out.bytes(key);
  out.bytes(value);
  out.varInt(countOf(headers) + (block?.count ?? 0));
  if (block) out.raw(block.bytes);
  if (headers) putHeaders(out, headers);
}

/** Bytes of a record after its length. */
export function sizeOfRecordBody(record: RecordToWrite, deltas: Deltas): number {
  const { key, value, headers, block } = record;
  return (
    1 +
    sizeOfVarLong(deltas.timestampDelta) +
    sizeOfVarInt(deltas.offsetDelta) +
    sizeOfBytes(key) +
    sizeOfBytes(value) +
    sizeOfVarInt(countOf(headers) + (block?.count ?? 0)) +
    (block?.bytes.length ?? 0) +
    (headers ? sizeOfHeaders(headers) : 0)
  );
}

function countOf(headers: HeaderMap | undefined): number {
  let count = 0;
  for (const name in headers) {
    const value = headers[name];
    count += Array.isArray(value) ? value.length : 1;
  }
  return count;
}

function sizeOfHeaders(headers: HeaderMap): number {
  let size = 0;
  for (const name in headers) {
    const value = headers[name];
    if (Array.isArray(value))
      for (const one of value as Bytes[]) size += sizeOfBytes(name) + sizeOfBytes(one);
    else size += sizeOfBytes(name) + sizeOfBytes(value as Bytes);
  }
  return size;
}

function putHeaders(out: Out, headers: HeaderMap): number {
  let count = 0;
  for (const name in headers) {
    const value = headers[name];
    for (const one of Array.isArray(value) ? (value as Bytes[]) : [value as Bytes]) {
      out.bytes(name);
      out.bytes(one);
      count++;
    }
  }
  return count;
}
