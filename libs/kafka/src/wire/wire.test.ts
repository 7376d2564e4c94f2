import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { murmur2, partitionOf } from './murmur2.ts';
import { HeaderBlock, ReadRecord, type RecordToWrite, writeRecord } from './record.ts';

const require = createRequire(import.meta.url);
const theirEncoder = require('kafkajs/src/protocol/recordBatch/record/v0/index.js') as (
  record: RecordToWrite,
) => { buffer: Buffer };
const theirMurmur2 = require('kafkajs/src/producer/partitioners/default/murmur2.js') as (
  key: Buffer,
) => number;

const bytes = fc.uint8Array({ maxLength: 300 }).map((value) => Buffer.from(value));
const text = fc.string({ maxLength: 200, unit: 'grapheme' });
const headerValue = fc.oneof(text, bytes);

describe('record', () => {
  it('is written as the client library writes it', () => {
    fc.assert(
      fc.property(
        fc.record({
          key: fc.oneof(text, bytes, fc.constant(null)),
          value: fc.oneof(text, bytes, fc.constant(null)),
          headers: fc.dictionary(text, fc.oneof(headerValue, fc.array(headerValue))),
          offsetDelta: fc.integer({ min: 0, max: 1_000_000 }),
          timestampDelta: fc.integer({ min: -5_000_000_000, max: 5_000_000_000 }),
        }),
        (record) => {
          expect(writeRecord(record).buffer).toEqual(theirEncoder(record).buffer);
        },
      ),
    );
  });

  it('is read back as it was written, null and empty apart', () => {
    fc.assert(
      fc.property(
        fc.oneof(bytes, fc.constant(null)),
        fc.oneof(bytes, fc.constant(null)),
        fc.array(fc.tuple(text, fc.oneof(bytes, fc.constant(null)))),
        fc.integer({ min: 0, max: 100_000 }),
        fc.integer({ min: -5_000_000_000, max: 5_000_000_000 }),
        (key, value, pairs, offsetDelta, timestampDelta) => {
          const headers: Record<string, (Buffer | null)[]> = Object.create(null);
          for (const [name, header] of pairs) (headers[name] ??= []).push(header);

          const written = writeRecord({ key, value, headers, offsetDelta, timestampDelta });
          const read = readWhole(written.buffer);

          expect(read.key).toEqual(key);
          expect(read.value).toEqual(value);
          expect(read.offset).toBe(String(7_000_000_000 + offsetDelta));
          expect(read.timestamp).toBe(String(1_700_000_000_000 + timestampDelta));
          const seen: Record<string, (Buffer | null)[]> = Object.create(null);
          read.eachHeader((name, header) => (seen[name] ??= []).push(header));
          expect(seen).toEqual(headers);
        },
      ),
    );
  });

  it('carries a block of headers before its own', () => {
    const block = new HeaderBlock({ ce_specversion: '1.0', ce_source: 'router' });

    const read = readWhole(
      writeRecord({ key: 'k', value: 'v', block, headers: { ce_id: 'a' } }).buffer,
    );

    expect(Object.entries(read.headers).map(([name, value]) => [name, String(value)])).toEqual([
      ['ce_specversion', '1.0'],
      ['ce_source', 'router'],
      ['ce_id', 'a'],
    ]);
  });
});

describe('murmur2', () => {
  it('agrees with the values of the Java client', () => {
    const known: [string, number][] = [
      ['21', -973932308],
      ['foobar', -790332482],
      ['a-little-bit-long-string', -985981536],
      ['a-little-bit-longer-string', -1486304829],
      ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ];

    for (const [key, hash] of known) expect(murmur2(Buffer.from(key))).toBe(hash);
  });

  it('agrees with the client library on any key', () => {
    fc.assert(fc.property(bytes, (key) => murmur2(key) === theirMurmur2(key)));
  });

  it('gives a partition of the topic', () => {
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 100 }), (key, partitions) => {
        const partition = partitionOf(key, partitions);
        return partition >= 0 && partition < partitions;
      }),
    );
  });
});

function readWhole(record: Buffer): ReadRecord {
  let skip = 0;
  while ((record[skip++] as number) > 0x7f);
  return new ReadRecord(record.subarray(skip), {
    firstOffset: '7000000000',
    firstTimestamp: '1700000000000',
  });
}
