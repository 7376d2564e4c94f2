import { crc32c } from '@flywheel/core';

export type TestRecord = {
  readonly key?: string | Buffer | null;
  readonly value?: string | Buffer | null;
  readonly timestamp?: number;
  readonly headers?: Readonly<Record<string, string | null>>;
};

export type TestBatch = {
  readonly records: readonly TestRecord[];
  readonly producer?: { readonly id: number; readonly epoch: number; readonly sequence: number };
  readonly attributes?: number;
  readonly magic?: number;
  /** Replaces the records section, such as by a compressed one. */
  readonly section?: (plain: Buffer) => Buffer;
};

/** A record batch (magic 2) as a producer sends it, written independently of the broker's own reading. */
export function aBatch(batch: TestBatch): Buffer {
  const { records, producer = { id: -1, epoch: -1, sequence: -1 } } = batch;
  const times = records.map(({ timestamp }) => timestamp ?? 1_000);
  const base = times[0] ?? 0;
  const plain = Buffer.concat(records.map((record, index) => aRecord(record, index, base)));
  const section = batch.section?.(plain) ?? plain;
  const bytes = Buffer.alloc(61 + section.length);
  bytes.writeBigInt64BE(0n, 0);
  bytes.writeInt32BE(bytes.length - 12, 8);
  bytes.writeInt32BE(-1, 12);
  bytes.writeInt8(batch.magic ?? 2, 16);
  bytes.writeInt16BE(batch.attributes ?? 0, 21);
  bytes.writeInt32BE(records.length - 1, 23);
  bytes.writeBigInt64BE(BigInt(base), 27);
  bytes.writeBigInt64BE(BigInt(Math.max(...times)), 35);
  bytes.writeBigInt64BE(BigInt(producer.id), 43);
  bytes.writeInt16BE(producer.epoch, 51);
  bytes.writeInt32BE(producer.sequence, 53);
  bytes.writeInt32BE(records.length, 57);
  section.copy(bytes, 61);
  bytes.writeUInt32BE(crc32c(bytes, 21), 17);
  return bytes;
}

function aRecord(record: TestRecord, index: number, baseTimestamp: number): Buffer {
  const headers = Object.entries(record.headers ?? {});
  const body = Buffer.concat([
    Buffer.from([0]),
    varint((record.timestamp ?? 1_000) - baseTimestamp),
    varint(index),
    field(record.key ?? null),
    field(record.value ?? null),
    varint(headers.length),
    ...headers.flatMap(([name, value]) => [field(name), field(value)]),
  ]);
  return Buffer.concat([varint(body.length), body]);
}

function field(value: string | Buffer | null): Buffer {
  if (value === null) return varint(-1);
  const bytes = Buffer.from(value);
  return Buffer.concat([varint(bytes.length), bytes]);
}

function varint(value: number): Buffer {
  let rest = value >= 0 ? BigInt(value) * 2n : BigInt(-value) * 2n - 1n;
  const bytes: number[] = [];
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]);
}
