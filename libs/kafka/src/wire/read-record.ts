import { Out } from './out.ts';
import { type RecordToWrite, putRecord, sizeOfRecordBody } from './record.ts';

/** What all records of one batch share, as the client library hands it over. */
export type BatchContext = {
  readonly firstOffset: string;
  readonly firstTimestamp: string;
  readonly maxTimestamp?: string;
  /** 0 = the producer's time, 1 = the broker's. */
  readonly timestampType?: number;
  readonly isControlBatch?: boolean;
};

export type ReadHeaders = Record<string, Buffer | null | (Buffer | null)[]>;

/** A header to look for in many records. The text of one that `repeats` is made once. */
export class WantedHeader {
  readonly name: Buffer;
  readonly #repeats: boolean;
  #lastBytes: Buffer | undefined;
  #lastText = '';

  constructor(name: string, { repeats = false }: { repeats?: boolean } = {}) {
    this.name = Buffer.from(name);
    this.#repeats = repeats;
  }

  textOf(value: Buffer, from: number, to: number): string {
    if (!this.#repeats) return value.toString('utf8', from, to);
    if (!this.#lastBytes || !isAt(value, from, to, this.#lastBytes)) {
      this.#lastBytes = Buffer.from(value.subarray(from, to));
      this.#lastText = this.#lastBytes.toString('utf8');
    }
    return this.#lastText;
  }
}

/** A record as the client library describes it: a view into the fetched bytes, parsed as far as somebody asks. */
export class ReadRecord {
  readonly offset: string;
  readonly batchContext: BatchContext;
  readonly sizeBytes: number;
  readonly #buffer: Buffer;
  readonly #timestampDelta: number;
  readonly #keyAt: number;
  /** -1 = null. */
  readonly #keyLength: number;
  readonly #valueAt: number;
  readonly #valueLength: number;
  readonly #headersAt: number;
  #headers: ReadHeaders | undefined;

  /** The record lies in `buffer[at, end)`, without its length. */
  constructor(buffer: Buffer, at: number, end: number, batchContext: BatchContext) {
    const cursor = new Cursor(buffer, at + 1);
    this.#timestampDelta = cursor.varLong();
    this.offset = String(Number(batchContext.firstOffset) + cursor.varInt());
    this.#keyLength = cursor.varInt();
    this.#keyAt = cursor.at;
    if (this.#keyLength > 0) cursor.at += this.#keyLength;
    this.#valueLength = cursor.varInt();
    this.#valueAt = cursor.at;
    if (this.#valueLength > 0) cursor.at += this.#valueLength;
    this.#headersAt = cursor.at;
    this.batchContext = batchContext;
    this.sizeBytes = end - at;
    this.#buffer = buffer;
  }

  get key(): Buffer | null {
    return this.#keyLength < 0
      ? null
      : this.#buffer.subarray(this.#keyAt, this.#keyAt + this.#keyLength);
  }

  get keyText(): string {
    return this.#keyLength < 1
      ? ''
      : this.#buffer.toString('utf8', this.#keyAt, this.#keyAt + this.#keyLength);
  }

  get value(): Buffer | null {
    return this.#valueLength < 0
      ? null
      : this.#buffer.subarray(this.#valueAt, this.#valueAt + this.#valueLength);
  }

  /** Milliseconds since the epoch. */
  get timeMs(): number {
    const { timestampType, maxTimestamp, firstTimestamp } = this.batchContext;
    return timestampType === 1 && maxTimestamp !== undefined
      ? Number(maxTimestamp)
      : Number(firstTimestamp) + this.#timestampDelta;
  }

  get timestamp(): string {
    return String(this.timeMs);
  }

  get isControlRecord(): boolean {
    return this.batchContext.isControlBatch ?? false;
  }

  /** The same record from a message that the library's own coder has read. */
  static from(
    message: RecordToWrite & { offset: string; timestamp: string },
    batch: Partial<BatchContext> = {},
  ): ReadRecord {
    const deltas = { offsetDelta: 0, timestampDelta: 0 };
    const size = sizeOfRecordBody(message, deltas);
    const out = new Out(size + 5);
    putRecord(out, message, deltas, size);
    return new ReadRecord(out.buffer, out.at - size, out.at, {
      ...batch,
      timestampType: 0,
      firstOffset: message.offset,
      firstTimestamp: message.timestamp,
    });
  }

  get headers(): ReadHeaders {
    this.#headers ??= this.#readHeaders();
    return this.#headers;
  }

  /** Walks the headers without keeping them. The buffers are views into the fetched bytes. */
  eachHeader(visit: (name: string, value: Buffer | null) => void): void {
    const buffer = this.#buffer;
    const cursor = new Cursor(buffer, this.#headersAt);
    for (let left = cursor.varInt(); left > 0 && cursor.at < buffer.length; left--) {
      const length = cursor.varInt();
      const from = cursor.at;
      cursor.at += length;
      visit(buffer.toString('utf8', from, cursor.at), cursor.bytes());
    }
  }

  /** The texts of the wanted headers, undefined where absent or null; of several with one name the last. */
  texts(wanted: readonly WantedHeader[]): (string | undefined)[] {
    const buffer = this.#buffer;
    const cursor = new Cursor(buffer, this.#headersAt);
    const texts = new Array<string | undefined>(wanted.length).fill(undefined);
    for (let left = cursor.varInt(); left > 0 && cursor.at < buffer.length; left--) {
      const nameLength = cursor.varInt();
      const nameAt = cursor.at;
      cursor.at += nameLength;
      const valueLength = cursor.varInt();
      const valueAt = cursor.at;
      if (valueLength > 0) cursor.at += valueLength;
      for (let index = 0; index < wanted.length; index++) {
        const header = wanted[index] as WantedHeader;
        if (!isAt(buffer, nameAt, nameAt + nameLength, header.name)) continue;
        texts[index] =
          valueLength < 0 ? undefined : header.textOf(buffer, valueAt, valueAt + valueLength);
      }
    }
    return texts;
  }

  #readHeaders(): ReadHeaders {
    const headers = Object.create(null) as ReadHeaders;
    this.eachHeader((name, value) => {
      const known = headers[name];
      if (known === undefined) headers[name] = value;
      else if (Array.isArray(known)) known.push(value);
      else headers[name] = [known, value];
    });
    return headers;
  }
}

/** Compares from the end: names that differ mostly have the same beginning. */
function isAt(buffer: Buffer, from: number, to: number, expected: Buffer): boolean {
  if (to - from !== expected.length) return false;
  for (let index = expected.length - 1; index >= 0; index--)
    if (buffer[from + index] !== expected[index]) return false;
  return true;
}

/** The varint at `at`, and the place after it. */
export function readVarInt(buffer: Buffer, at: number): [value: number, next: number] {
  const cursor = new Cursor(buffer, at);
  return [cursor.varInt(), cursor.at];
}

class Cursor {
  readonly #buffer: Buffer;
  at: number;

  constructor(buffer: Buffer, at: number) {
    this.#buffer = buffer;
    this.at = at;
  }

  varInt(): number {
    let result = 0;
    let shift = 0;
    let byte: number;
    do {
      byte = this.#buffer[this.at++] ?? 0;
      result |= (byte & 0x7f) << shift;
      shift += 7;
    } while (byte > 0x7f);
    return (result >>> 1) ^ -(result & 1);
  }

  /** Exact up to 2^53, which a difference of two times in milliseconds never passes. */
  varLong(): number {
    let result = 0;
    let scale = 1;
    let byte: number;
    do {
      byte = this.#buffer[this.at++] ?? 0;
      result += (byte & 0x7f) * scale;
      scale *= 128;
    } while (byte > 0x7f);
    return result % 2 === 0 ? result / 2 : -(result + 1) / 2;
  }

  bytes(): Buffer | null {
    const length = this.varInt();
    if (length < 0) return null;
    const from = this.at;
    this.at += length;
    return this.#buffer.subarray(from, this.at);
  }
}
