import { createRequire } from 'node:module';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { murmur2, partitionOf } from './murmur2.ts';
import { Out } from './out.ts';
import { type ProduceRequest, writeProduceRequest } from './produce-request.ts';
import { ReadRecord, WantedHeader } from './read-record.ts';
import { HeaderBlock, type RecordToWrite, putRecord, sizeOfRecordBody } from './record.ts';

const require = createRequire(import.meta.url);
const theirRecord = require('kafkajs/src/protocol/recordBatch/record/v0/index.js') as (
  record: RecordToWrite,
) => { buffer: Buffer };
const theirProduce = require('kafkajs/src/protocol/requests/produce/v7/request.js') as (
  request: ProduceRequest,
) => { encode(): Promise<{ buffer: Buffer }> };
const theirMurmur2 = require('kafkajs/src/producer/partitioners/default/murmur2.js') as (
  key: Buffer,
) => number;

const bytes = fc.uint8Array({ maxLength: 300 }).map((value) => Buffer.from(value));
const text = fc.string({ maxLength: 200, unit: 'grapheme' });
const headerValue = fc.oneof(text, bytes);
const record = fc.record({
  key: fc.oneof(text, bytes, fc.constant(null)),
  value: fc.oneof(text, bytes, fc.constant(null)),
  headers: fc.dictionary(text, fc.oneof(headerValue, fc.array(headerValue)), {
    noNullPrototype: true,
  }),
});

afterEach(() => vi.useRealTimers());

describe('record', () => {
  it('is written as the client library writes it', () => {
    fc.assert(
      fc.property(
        record,
        fc.integer({ min: 0, max: 1_000_000 }),
        fc.integer({ min: -5_000_000_000, max: 5_000_000_000 }),
        (one, offsetDelta, timestampDelta) => {
          const deltas = { offsetDelta, timestampDelta };
          expect(write(one, deltas)).toEqual(theirRecord({ ...one, ...deltas }).buffer);
        },
      ),
    );
  });

  it('is sent as the client library sends it', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: 1_700_000_000_123 });
    const partitions = fc.array(
      fc.record({
        partition: fc.nat(20),
        messages: fc.array(record, { minLength: 1, maxLength: 5 }),
      }),
      { maxLength: 3 },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ topic: text, partitions }), { maxLength: 3 }),
        fc.constantFrom(-1, 1),
        async (topicData, acks) => {
          const request = { acks, timeout: 12_000, topicData };
          const theirs = await theirProduce(request).encode();
          expect(writeProduceRequest(request, Date.now()).buffer).toEqual(theirs.buffer);
        },
      ),
      { numRuns: 50 },
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
          const headers = Object.create(null) as Record<string, (Buffer | null)[]>;
          for (const [name, header] of pairs) (headers[name] ??= []).push(header);

          const written = write({ key, value, headers }, { offsetDelta, timestampDelta });
          const read = readWhole(written);

          expect(read.key).toEqual(key);
          expect(read.value).toEqual(value);
          expect(read.offset).toBe(String(7_000_000_000 + offsetDelta));
          expect(read.timestamp).toBe(String(1_700_000_000_000 + timestampDelta));
          const seen = Object.create(null) as Record<string, (Buffer | null)[]>;
          read.eachHeader((name, header) => (seen[name] ??= []).push(header));
          expect(seen).toEqual(headers);
        },
      ),
    );
  });

  it('carries a block of headers before its own', () => {
    const block = new HeaderBlock({ ce_specversion: '1.0', ce_source: 'router' });

    const read = readWhole(write({ key: 'k', value: 'v', block, headers: { ce_id: 'a' } }));

    expect(Object.entries(read.headers).map(([name, value]) => [name, String(value)])).toEqual([
      ['ce_specversion', '1.0'],
      ['ce_source', 'router'],
      ['ce_id', 'a'],
    ]);
  });
});

describe('wanted headers', () => {
  it('are found by name, the last of several, absent and null apart from empty', () => {
    const wanted = [
      new WantedHeader('ce_id'),
      new WantedHeader('ce_type', { repeats: true }),
      new WantedHeader('ce_tim'),
      new WantedHeader('empty'),
    ];
    const texts = (headers: RecordToWrite['headers']) =>
      readWhole(write(headers ? { headers } : {})).texts(wanted);

    expect(texts({ ce_time: 'now', ce_id: ['ä', 'b'], ce_type: 'one', empty: '' })).toEqual([
      'b',
      'one',
      undefined,
      '',
    ]);
    expect(texts({ ce_type: 'two', ce_id: null })).toEqual([
      undefined,
      'two',
      undefined,
      undefined,
    ]);
    expect(texts({ ce_type: 'two' })).toEqual([undefined, 'two', undefined, undefined]);
    expect(texts({ ce_type: 'owt' })).toEqual([undefined, 'owt', undefined, undefined]);
    expect(texts(undefined)).toEqual([undefined, undefined, undefined, undefined]);
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

function write(one: RecordToWrite, deltas = { offsetDelta: 0, timestampDelta: 0 }): Buffer {
  const size = sizeOfRecordBody(one, deltas);
  const out = new Out(size + 5);
  putRecord(out, one, deltas, size);
  return out.buffer.subarray(0, out.at);
}

function readWhole(record: Buffer): ReadRecord {
  let skip = 0;
  while ((record[skip++] as number) > 0x7f);
  return new ReadRecord(record, skip, record.length, {
    firstOffset: '7000000000',
    firstTimestamp: '1700000000000',
  });
}
