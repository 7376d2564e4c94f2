import { invalid } from '@flywheel/core';

const two32 = 4_294_967_296;

/** Reads the primitive types of the Kafka protocol from one frame; throws `invalid_argument` when it is cut short. */
export class Reader {
  readonly #bytes: Buffer;
  #position: number;

  constructor(bytes: Buffer, position = 0) {
    this.#bytes = bytes;
    this.#position = position;
  }

  get remaining(): number {
    return this.#bytes.length - this.#position;
  }

  int8(): number {
    return this.#bytes.readInt8(this.#take(1));
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#take(2));
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#take(4));
  }

  /** Values beyond ±(2^53 − 1) are clamped: no offset, timestamp or producer id of ours reaches them. */
  int64(): number {
    return readInt64(this.#bytes, this.#take(8));
  }

  unsignedVarint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#bytes.readUInt8(this.#take(1));
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw invalid('request', 'has a varint of more than five bytes');
  }

  /** A view into the frame, not a copy. */
  slice(length: number): Buffer {
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  text(length: number): string {
    const start = this.#take(length);
    return this.#bytes.toString('utf8', start, start + length);
  }

  #take(length: number): number {
    if (length < 0 || length > this.remaining) throw invalid('request', 'is cut short');
    const start = this.#position;
    this.#position += length;
    return start;
  }
}

/** The signed big-endian 64-bit number at `position`, clamped to ±(2^53 − 1). */
export function readInt64(bytes: Buffer, position: number): number {
  const value = bytes.readInt32BE(position) * two32 + bytes.readUInt32BE(position + 4);
  return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, value));
}

/** Writes a safe integer as a signed big-endian 64-bit number. */
export function writeInt64(bytes: Buffer, value: number, position: number): void {
  const high = Math.floor(value / two32);
  bytes.writeInt32BE(high, position);
  bytes.writeUInt32BE(value - high * two32, position + 4);
}
