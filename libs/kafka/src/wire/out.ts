export type Bytes = string | Uint8Array | null | undefined;

/** Short texts are mostly ASCII: a loop over them is quicker than a call into the runtime. */
const shortText = 64;

/** Writes the primitive types of Kafka's protocol into a buffer of known size. Numbers up to 2^53 are exact. */
export class Out {
  readonly buffer: Buffer;
  at = 0;

  constructor(size: number) {
    this.buffer = Buffer.allocUnsafe(size);
  }

  int8(value: number): void {
    this.buffer[this.at++] = value;
  }

  int16(value: number): void {
    this.at = this.buffer.writeInt16BE(value, this.at);
  }

  int32(value: number): void {
    this.at = this.buffer.writeInt32BE(value, this.at);
  }

  int64(value: number): void {
    this.at = this.buffer.writeBigInt64BE(BigInt(value), this.at);
  }

  /** A text with its length as int16; null is -1. */
  text16(value: string | null): void {
    if (value === null) {
      this.int16(-1);
      return;
    }
    const length = sizeOfContent(value);
    this.int16(length);
    this.#text(value, length);
  }

  varInt(value: number): void {
    let rest = ((value << 1) ^ (value >> 31)) >>> 0;
    while (rest > 0x7f) {
      this.buffer[this.at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.buffer[this.at++] = rest;
  }

  varLong(value: number): void {
    if (isSmall(value)) {
      this.varInt(value);
      return;
    }
    let rest = BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n));
    while (rest > 0x7fn) {
      this.buffer[this.at++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.buffer[this.at++] = Number(rest);
  }

  /** Bytes or text with their length as varint; null is -1. */
  bytes(value: Bytes): void {
    if (value === null || value === undefined) {
      this.varInt(-1);
      return;
    }
    if (typeof value !== 'string') {
      this.varInt(value.length);
      this.raw(value);
      return;
    }
    const length = sizeOfContent(value);
    this.varInt(length);
    this.#text(value, length);
  }

  raw(bytes: Uint8Array): void {
    this.buffer.set(bytes, this.at);
    this.at += bytes.length;
  }

  #text(value: string, length: number): void {
    if (length === value.length && length <= shortText)
      for (let index = 0; index < length; index++)
        this.buffer[this.at + index] = value.charCodeAt(index);
    else this.buffer.write(value, this.at, length, 'utf8');
    this.at += length;
  }
}

/** Bytes of a text in UTF-8, or of bytes as they are. */
export function sizeOfContent(value: string | Uint8Array): number {
  if (typeof value !== 'string') return value.length;
  if (value.length > shortText) return Buffer.byteLength(value);
  for (let index = 0; index < value.length; index++)
    if (value.charCodeAt(index) > 0x7f) return Buffer.byteLength(value);
  return value.length;
}

export function sizeOfVarInt(value: number): number {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
  if (zigzag < 0x80) return 1;
  if (zigzag < 0x4000) return 2;
  if (zigzag < 0x20_0000) return 3;
  return zigzag < 0x1000_0000 ? 4 : 5;
}

export function sizeOfVarLong(value: number): number {
  if (isSmall(value)) return sizeOfVarInt(value);
  let rest = BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n));
  let size = 1;
  while (rest > 0x7fn) {
    rest >>= 7n;
    size++;
  }
  return size;
}

export function sizeOfBytes(value: Bytes): number {
  if (value === null || value === undefined) return 1;
  const length = sizeOfContent(value);
  return sizeOfVarInt(length) + length;
}

function isSmall(value: number): boolean {
  return value >= -0x40000000 && value < 0x40000000;
}
