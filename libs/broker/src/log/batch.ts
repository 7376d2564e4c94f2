import { readInt64, writeInt64 } from '../protocol/reader.ts';
import { errorCodes } from '../protocol/error-codes.ts';
import type { ErrorNumber } from '../protocol/error-codes.ts';
import { fastCrc32c } from './crc.ts';

/*
 * Record batch, magic 2: baseOffset 0, batchLength 8, partitionLeaderEpoch 12, magic 16, crc 17, attributes 21,
 * lastOffsetDelta 23, baseTimestamp 27, maxTimestamp 35, producerId 43, producerEpoch 51, baseSequence 53,
 * recordCount 57, records 61. The CRC covers byte 21 to the end, so offset and epoch are set without touching it.
 */
export const batchHeaderBytes = 61;
const lengthPrefixBytes = 12;
const crcStart = 21;
const largestBatchBytes = 128 * 1024 * 1024;

export type Batch = {
  readonly start: number;
  readonly sizeBytes: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly codec: number;
  readonly isTransactional: boolean;
  readonly baseTimestamp: number;
  readonly maxTimestamp: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly recordCount: number;
};

export const codecs = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const;

/** The batch that begins at `start`, with its header trusted; needs `batchHeaderBytes` bytes there. */
export function batchAt(bytes: Buffer, start: number): Batch {
  const baseOffset = readInt64(bytes, start);
  const attributes = bytes.readInt16BE(start + 21);
  return {
    start,
    sizeBytes: sizeAt(bytes, start),
    baseOffset,
    lastOffset: baseOffset + bytes.readInt32BE(start + 23),
    codec: attributes & 7,
    isTransactional: (attributes & 16) !== 0,
    baseTimestamp: readInt64(bytes, start + 27),
    maxTimestamp: readInt64(bytes, start + 35),
    producerId: readInt64(bytes, start + 43),
    producerEpoch: bytes.readInt16BE(start + 51),
    baseSequence: bytes.readInt32BE(start + 53),
    recordCount: bytes.readInt32BE(start + 57),
  };
}

export function sizeAt(bytes: Buffer, start: number): number {
  return bytes.readInt32BE(start + 8) + lengthPrefixBytes;
}

export function lastOffsetAt(bytes: Buffer, start: number): number {
  return readInt64(bytes, start) + bytes.readInt32BE(start + 23);
}

/** Gives the batch its place in the log: base offset, and leader epoch 0. */
export function placeBatch(bytes: Buffer, start: number, baseOffset: number): void {
  writeInt64(bytes, baseOffset, start);
  bytes.writeInt32BE(0, start + 12);
}

/**
 * The one batch of a produce request, or the error number it is refused with. Like Kafka's, a produce request of
 * today's versions carries exactly one batch for a partition.
 */
export function checkProduced(
  bytes: Buffer,
  limits: { maxMessageBytes: number },
): Batch | ErrorNumber {
  if (bytes.length === 0) return errorCodes.invalidRecord;
  if (bytes.length < 17) return errorCodes.corruptMessage;
  if (bytes.readInt8(16) !== 2) return errorCodes.unsupportedForMessageFormat;
  if (!isWhole(bytes, 0)) return errorCodes.corruptMessage;
  const batch = batchAt(bytes, 0);
  if (batch.sizeBytes < bytes.length)
    return isWhole(bytes, batch.sizeBytes) ? errorCodes.invalidRecord : errorCodes.corruptMessage;
  if (batch.sizeBytes > limits.maxMessageBytes) return errorCodes.messageTooLarge;
  if (!hasRightCrc(bytes, batch)) return errorCodes.corruptMessage;
  return refusalOf(bytes.readInt16BE(crcStart), batch) ?? batch;
}

/**
 * The batch of the log at `start` if it is whole, sound and begins at offset `expected`; `undefined` where the
 * log ends or is torn. `end` is where the known bytes end.
 */
export function soundBatchAt(
  bytes: Buffer,
  start: number,
  end: number,
  expected: number,
): Batch | undefined {
  if (end - start < batchHeaderBytes || bytes.readInt8(start + 16) !== 2) return undefined;
  if (!isWhole(bytes, start, end)) return undefined;
  const batch = batchAt(bytes, start);
  const isPlaced = batch.baseOffset === expected && bytes.readInt32BE(start + 12) === 0;
  return isPlaced && batch.lastOffset >= expected && hasRightCrc(bytes, batch) ? batch : undefined;
}

/** Whether a size read from a header can be one at all: keeps damaged lengths from being believed. */
export function isPlausibleSize(sizeBytes: number): boolean {
  return sizeBytes >= batchHeaderBytes && sizeBytes <= largestBatchBytes;
}

function isWhole(bytes: Buffer, start: number, end = bytes.length): boolean {
  if (end - start < lengthPrefixBytes) return false;
  const sizeBytes = sizeAt(bytes, start);
  return isPlausibleSize(sizeBytes) && start + sizeBytes <= end;
}

function hasRightCrc(bytes: Buffer, batch: Batch): boolean {
  const expected = bytes.readUInt32BE(batch.start + 17);
  return fastCrc32c(bytes, batch.start + crcStart, batch.start + batch.sizeBytes) === expected;
}

function refusalOf(attributes: number, batch: Batch): ErrorNumber | undefined {
  if ((attributes & 32) !== 0) return errorCodes.invalidRecord; // control batches are the broker's own
  if (batch.codec > codecs.zstd) return errorCodes.unsupportedCompressionType;
  if (batch.isTransactional) return errorCodes.invalidTxnState;
  if (batch.recordCount <= 0 || batch.lastOffset - batch.baseOffset !== batch.recordCount - 1)
    return errorCodes.invalidRecord;
  if (batch.producerId >= 0 && (batch.producerEpoch < 0 || batch.baseSequence < 0))
    return errorCodes.invalidRecord;
  return undefined;
}
