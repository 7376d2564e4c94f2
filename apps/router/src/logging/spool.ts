import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { crc32c } from '@flywheel/core';

const SEGMENT_BYTES = 8 * 1024 * 1024;
const HEAD_BYTES = 8;

/** A record in the spool: where it lies, so that its segment can go once all of it is in the log. */
export type Spooled = { readonly segment: number; readonly sizeBytes: number };

/**
 * Records on the local disk until the log has them: written before the reply leaves, so that a killed process loses
 * none (the operating system has the bytes; power loss is another matter). Frames are length, CRC-32C, bytes; a torn
 * tail ends a segment.
 */
export class Spool implements Disposable {
  readonly #folder: string;
  readonly #limitBytes: number;
  #segment: { number: number; file: number; sizeBytes: number } | undefined;
  /** Records of a segment that the log does not have yet. */
  readonly #pending = new Map<number, number>();
  readonly #segmentBytes = new Map<number, number>();
  #nextNumber = 1;
  #sizeBytes = 0;

  constructor(options: { folder: string; limitBytes: number }) {
    this.#folder = options.folder;
    this.#limitBytes = options.limitBytes;
    mkdirSync(this.#folder, { recursive: true });
  }

  /** What an earlier process left behind, oldest first. Call `clear` once it is in the log. */
  leftovers(): Buffer[] {
    return this.#segments().flatMap((number) => readFrames(readFileSync(this.#path(number))));
  }

  clear(): void {
    for (const number of this.#segments()) rmSync(this.#path(number), { force: true });
  }

  /** Writes many records with one call; undefined when the spool is full and the records are not safe. */
  append(records: readonly Buffer[]): Spooled | undefined {
    const framed = Buffer.concat(records.flatMap((record) => [head(record), record]));
    if (this.#sizeBytes + framed.length > this.#limitBytes) return undefined;
    const segment = this.#writable();
    for (let written = 0; written < framed.length;)
      written += writeSync(segment.file, framed, written);
    segment.sizeBytes += framed.length;
    this.#segmentBytes.set(segment.number, segment.sizeBytes);
    this.#sizeBytes += framed.length;
    this.#pending.set(segment.number, (this.#pending.get(segment.number) ?? 0) + records.length);
    return { segment: segment.number, sizeBytes: framed.length };
  }

  /** The log has these records; a full segment without any left is deleted. */
  release(segment: number, records: number): void {
    const left = (this.#pending.get(segment) ?? 0) - records;
    this.#pending.set(segment, left);
    if (left > 0 || this.#segment?.number === segment) return;
    this.#delete(segment);
  }

  /** What is in the log altogether is not kept for the next process. */
  [Symbol.dispose](): void {
    this.#close();
    for (const [segment, left] of this.#pending) if (left === 0) this.#delete(segment);
  }

  #delete(segment: number): void {
    this.#pending.delete(segment);
    this.#sizeBytes -= this.#segmentBytes.get(segment) ?? 0;
    this.#segmentBytes.delete(segment);
    rmSync(this.#path(segment), { force: true });
  }

  #writable(): { number: number; file: number; sizeBytes: number } {
    const full =
      this.#segment && this.#segment.sizeBytes >= SEGMENT_BYTES ? this.#segment : undefined;
    if (full) {
      this.#close();
      if (this.#pending.get(full.number) === 0) this.#delete(full.number);
    }
    this.#segment ??= this.#open();
    return this.#segment;
  }

  #open(): { number: number; file: number; sizeBytes: number } {
    const number = this.#nextNumber++;
    return { number, file: openSync(this.#path(number), 'a'), sizeBytes: 0 };
  }

  #close(): void {
    if (this.#segment) closeSync(this.#segment.file);
    this.#segment = undefined;
  }

  #segments(): number[] {
    return readdirSync(this.#folder)
      .filter((name) => name.endsWith('.spool'))
      .map((name) => Number.parseInt(name, 10))
      .sort((left, right) => left - right);
  }

  #path(number: number): string {
    return join(this.#folder, `${String(number).padStart(12, '0')}.spool`);
  }
}

function head(record: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(HEAD_BYTES);
  bytes.writeUInt32BE(record.length, 0);
  bytes.writeUInt32BE(crc32c(record), 4);
  return bytes;
}

/** The whole records of a segment: reading stops at the first that is torn. */
export function readFrames(bytes: Buffer): Buffer[] {
  const records: Buffer[] = [];
  for (let at = 0; at + HEAD_BYTES <= bytes.length;) {
    const length = bytes.readUInt32BE(at);
    const record = bytes.subarray(at + HEAD_BYTES, at + HEAD_BYTES + length);
    if (record.length < length || crc32c(record) !== bytes.readUInt32BE(at + 4)) break;
    records.push(record);
    at += HEAD_BYTES + length;
  }
  return records;
}
