import { writeInt64 } from './reader.ts';

const firstChunkBytes = 512;

/** Builds one frame; large byte ranges are referenced, not copied. */
export class Writer {
  readonly #done: Buffer[] = [];
  #doneBytes = 0;
  #chunk = Buffer.allocUnsafe(firstChunkBytes);
  #position = 4;

  int8(value: number): void {
    const start = this.#reserve(1);
    this.#chunk.writeInt8(value, start);
  }

  int16(value: number): void {
    const start = this.#reserve(2);
    this.#chunk.writeInt16BE(value, start);
  }

  int32(value: number): void {
    const start = this.#reserve(4);
    this.#chunk.writeInt32BE(value, start);
  }

  int64(value: number): void {
    const start = this.#reserve(8);
    writeInt64(this.#chunk, value, start);
  }

  unsignedVarint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.#byte((rest & 0x7f) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.#byte(rest);
  }

  text(value: string, byteLength: number): void {
    const start = this.#reserve(byteLength);
    this.#chunk.write(value, start, 'utf8');
  }

  copy(bytes: Uint8Array): void {
    const start = this.#reserve(bytes.length);
    this.#chunk.set(bytes, start);
  }

  /** `bytes` become part of the frame as they are and must not change until it is sent. */
  reference(bytes: Buffer): void {
    this.#close();
    this.#done.push(bytes);
    this.#doneBytes += bytes.length;
  }

  /** The frame with its length in front, as chunks to be written one after the other. */
  finish(): Buffer[] {
    this.#close();
    (this.#done[0] as Buffer).writeInt32BE(this.#doneBytes - 4, 0);
    return this.#done;
  }

  #byte(value: number): void {
    const start = this.#reserve(1);
    this.#chunk.writeUInt8(value, start);
  }

  /** Makes room first: it may replace the chunk that is written to. */
  #reserve(length: number): number {
    const start = this.#position;
    this.#position += length;
    if (this.#position > this.#chunk.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#chunk.length * 2, this.#position));
      this.#chunk.copy(larger, 0, 0, start);
      this.#chunk = larger;
    }
    return start;
  }

  #close(): void {
    if (this.#position === 0) return;
    this.#done.push(this.#chunk.subarray(0, this.#position));
    this.#doneBytes += this.#position;
    this.#chunk = Buffer.allocUnsafe(firstChunkBytes);
    this.#position = 0;
  }
}
