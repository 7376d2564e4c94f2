import { type BatchContext, ReadRecord, readVarInt } from './read-record.ts';

/** A record batch as the client library describes it. */
export type ReadBatch = BatchContext & {
  readonly partitionLeaderEpoch: number;
  readonly inTransaction: boolean;
  readonly lastOffsetDelta: number;
  readonly producerId: string;
  readonly producerEpoch: number;
  readonly firstSequence: number;
  readonly records: ReadRecord[];
};

const headerSize = 61;
const codecMask = 0x07;

/** Whether the batch at `at` is compressed (attributes int16 at byte 21). */
export function isCompressed(buffer: Buffer, at: number): boolean {
  return (buffer.readInt16BE(at + 21) & codecMask) !== 0;
}

/** Bytes of the batch at `at`, of which the buffer may hold fewer: fetches are cut anywhere. */
export function sizeOfBatch(buffer: Buffer, at: number): number {
  return 12 + buffer.readInt32BE(at + 8);
}

/** Reads the uncompressed batch (magic 2, layout in produce-request.ts) at `at`, all of which is there. */
export function readBatch(buffer: Buffer, at: number): ReadBatch {
  const attributes = buffer.readInt16BE(at + 21);
  const context = {
    firstOffset: String(buffer.readBigInt64BE(at)),
    partitionLeaderEpoch: buffer.readInt32BE(at + 12),
    timestampType: (attributes & 0x08) >> 3,
    inTransaction: (attributes & 0x10) !== 0,
    isControlBatch: (attributes & 0x20) !== 0,
    lastOffsetDelta: buffer.readInt32BE(at + 23),
    firstTimestamp: String(buffer.readBigInt64BE(at + 27)),
    maxTimestamp: String(buffer.readBigInt64BE(at + 35)),
    producerId: String(buffer.readBigInt64BE(at + 43)),
    producerEpoch: buffer.readInt16BE(at + 51),
    firstSequence: buffer.readInt32BE(at + 53),
  };
  const end = at + sizeOfBatch(buffer, at);
  const count = buffer.readInt32BE(at + 57);
  const records: ReadRecord[] = [];
  for (let index = 0, next = at + headerSize; index < count && next < end; index++) {
    const [length, from] = readVarInt(buffer, next);
    next = from + length;
    records.push(new ReadRecord(buffer, from, next, context));
  }
  return { ...context, records };
}
