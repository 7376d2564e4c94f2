import { crc32c } from '@flywheel/core';
import { Out, sizeOfVarInt } from './out.ts';
import { type RecordToWrite, putRecord, sizeOfRecordBody } from './record.ts';

export type ProduceRequest = {
  readonly acks: number;
  readonly timeout: number;
  readonly topicData: readonly {
    readonly topic: string;
    readonly partitions: readonly {
      readonly partition: number;
      readonly messages: readonly RecordToWrite[];
    }[];
  }[];
};

/** What the client library expects of an encoder. */
export type Encoded = { readonly buf: Buffer; readonly buffer: Buffer; size(): number };

type PartitionToWrite = {
  readonly partition: number;
  readonly messages: readonly RecordToWrite[];
  readonly bodySizes: readonly number[];
  /** Bytes of the record batch, its base offset and length field included. */
  readonly batchSize: number;
};

const batchHeaderSize = 61;
const beforeLength = 12;
const crcAt = 17;
const crcFrom = 21;

/**
 * The body of a Produce request (versions 3 to 7) without transaction, producer id or compression, in one pass into one
 * buffer. One record batch (magic 2) per partition: base offset int64, length int32, leader epoch int32, magic int8,
 * CRC-32C of what follows, attributes int16, last offset delta int32, first and greatest timestamp int64, producer id
 * int64, producer epoch int16, first sequence int32, count int32, records.
 */
export function writeProduceRequest(request: ProduceRequest, nowMs: number): Encoded {
  let size = 2 + 2 + 4 + 4;
  const topics = request.topicData.map(({ topic, partitions }) => {
    const measured = partitions.map(measure);
    size += 2 + Buffer.byteLength(topic) + 4;
    for (const { batchSize } of measured) size += 4 + 4 + batchSize;
    return { topic, partitions: measured };
  });

  const out = new Out(size);
  out.text16(null);
  out.int16(request.acks);
  out.int32(request.timeout);
  out.int32(topics.length);
  for (const { topic, partitions } of topics) {
    out.text16(topic);
    out.int32(partitions.length);
    for (const partition of partitions) putPartition(out, partition, nowMs);
  }
  return { buf: out.buffer, buffer: out.buffer, size: () => out.buffer.length };
}

function measure({
  partition,
  messages,
}: ProduceRequest['topicData'][number]['partitions'][number]): PartitionToWrite {
  let batchSize = batchHeaderSize;
  const bodySizes = messages.map((message, offsetDelta) => {
    const size = sizeOfRecordBody(message, { offsetDelta, timestampDelta: 0 });
    batchSize += sizeOfVarInt(size) + size;
    return size;
  });
  return { partition, messages, bodySizes, batchSize };
}

function putPartition(out: Out, partition: PartitionToWrite, nowMs: number): void {
  const { messages, bodySizes, batchSize } = partition;
  out.int32(partition.partition);
  out.int32(batchSize);
  const batchAt = out.at;
  out.int64(0);
  out.int32(batchSize - beforeLength);
  out.int32(0);
  out.int8(2);
  out.int32(0);
  out.int16(0);
  out.int32(messages.length - 1);
  out.int64(nowMs);
  out.int64(nowMs);
  out.int64(-1);
  out.int16(0);
  out.int32(0);
  out.int32(messages.length);
  for (let index = 0; index < messages.length; index++)
    putRecord(
      out,
      messages[index] as RecordToWrite,
      { offsetDelta: index, timestampDelta: 0 },
      bodySizes[index] as number,
    );
  const crc = crc32c(out.buffer, batchAt + crcFrom, batchAt + batchSize);
  out.buffer.writeUInt32BE(crc, batchAt + crcAt);
}
