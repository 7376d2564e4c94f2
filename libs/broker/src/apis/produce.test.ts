import { gzipSync } from 'node:zlib';
import { crc32c } from '@flywheel/core';
import { describe, expect, it } from 'vitest';
import { startTestBroker } from '../testing.ts';
import { aBatch } from '../testing/a-batch.ts';
import { WireClient } from '../testing/wire-client.ts';
import { fetchOne, makeTopic, produceOne, produceRequest, wire } from '../testing/wire.ts';

const plain = () => aBatch({ records: [{ key: 'k', value: 'v' }] });

describe('a produce request', () => {
  it('is refused batch by batch for the reason Kafka would give, and moves no offset', async () => {
    await using broker = await startTestBroker();
    await using client = await WireClient.connect(broker);
    await makeTopic(client, 't', { configs: { 'max.message.bytes': '1000' } });
    const withWrongCrc = plain();
    withWrongCrc.writeUInt8(withWrongCrc.readUInt8(65) ^ 1, 65);
    const withWrongCount = plain();
    withWrongCount.writeInt32BE(2, 57);
    withWrongCount.writeUInt32BE(crc32c(withWrongCount, 21), 17);
    const refusals: Record<string, readonly [records: Buffer, error: number]> = {
      empty: [Buffer.alloc(0), 87],
      'shorter than a header': [plain().subarray(0, 40), 2],
      'cut short': [plain().subarray(0, plain().length - 1), 2],
      'with a wrong checksum': [withWrongCrc, 2],
      'message format 0 or 1': [aBatch({ records: [{ value: 'v' }], magic: 1 }), 43],
      'a control batch': [aBatch({ records: [{ value: 'v' }], attributes: 32 }), 87],
      'a transactional batch without transactions': [
        aBatch({ records: [{ value: 'v' }], attributes: 16 }),
        48,
      ],
      'an unknown codec': [aBatch({ records: [{ value: 'v' }], attributes: 5 }), 76],
      'two batches': [Buffer.concat([plain(), plain()]), 87],
      'trailing garbage': [Buffer.concat([plain(), Buffer.from('garbage')]), 2],
      'a wrong count': [withWrongCount, 87],
      'malformed records': [
        aBatch({ records: [{ value: 'v' }], section: () => Buffer.from([20, 0, 0, 0, 1]) }),
        87,
      ],
      'larger than max.message.bytes': [aBatch({ records: [{ value: 'x'.repeat(1000) }] }), 10],
    };

    for (const [name, [records, error]] of Object.entries(refusals))
      expect({ name, ...(await produceOne(client, 't', records)) }).toEqual({
        name,
        error,
        baseOffset: -1,
      });

    expect(await produceOne(client, 't', plain())).toEqual({ error: 0, baseOffset: 0 });
    expect(await produceOne(client, 'absent', plain())).toMatchObject({ error: 3 });
    expect(await produceOne(client, 't', plain(), { partition: 7 })).toMatchObject({ error: 3 });
    expect(await produceOne(client, 't', plain(), { acks: 2 })).toMatchObject({ error: 21 });
  });

  it('of a version that is offered only for librdkafka is answered with 35', async () => {
    await using broker = await startTestBroker();
    await using client = await WireClient.connect(broker);
    await makeTopic(client, 't');

    for (const version of [0, 1, 2])
      expect(await produceOne(client, 't', plain(), { version })).toMatchObject({ error: 35 });

    expect(await produceOne(client, 't', plain(), { version: 3 })).toMatchObject({ error: 0 });
  });

  it('keeps null, empty and binary keys, values and headers byte for byte', async () => {
    await using broker = await startTestBroker();
    await using client = await WireClient.connect(broker);
    await makeTopic(client, 't');
    const sent = aBatch({
      records: [
        { key: 'k1', value: null },
        { key: 'k2', value: '' },
        { key: null, value: 'x' },
        { key: '', value: 'y', headers: { absent: null, empty: '' } },
        { key: Buffer.from([0xef, 0xfe, 0xff, 0]), value: Buffer.alloc(300, 0xff) },
      ],
    });

    await produceOne(client, 't', Buffer.from(sent));
    const { bytes } = await fetchOne(client, 't', 0);

    expect(bytes.subarray(21)).toEqual(sent.subarray(21)); // offset and leader epoch are the broker's
  });

  it('with acks 0 is not answered, and a refusal of it closes the connection', async () => {
    await using broker = await startTestBroker();
    await using client = await WireClient.connect(broker);
    await makeTopic(client, 't');

    client.send(wire.produce, 7, produceRequest('t', plain(), { acks: 0 }));
    expect(await produceOne(client, 't', plain())).toEqual({ error: 0, baseOffset: 1 });
    client.send(wire.produce, 7, produceRequest('absent', plain(), { acks: 0 }));

    expect(await client.nextAnswer()).toBeUndefined();
  });

  it('to a compacted topic needs keys, also inside gzip', async () => {
    await using broker = await startTestBroker();
    await using client = await WireClient.connect(broker);
    await makeTopic(client, 't', { configs: { 'cleanup.policy': 'compact' } });
    const gzipped = (key: string | null) =>
      aBatch({ records: [{ key, value: 'v' }], attributes: 1, section: (raw) => gzipSync(raw) });

    expect(await produceOne(client, 't', aBatch({ records: [{ value: 'v' }] }))).toMatchObject({
      error: 87,
    });
    expect(await produceOne(client, 't', gzipped(null))).toMatchObject({ error: 87 });
    expect(await produceOne(client, 't', gzipped('k'))).toMatchObject({ error: 0 });
    expect(await produceOne(client, 't', plain())).toMatchObject({ error: 0, baseOffset: 1 });
  });

  it('may be followed by others before it is answered: offsets and answers keep the order', async () => {
    await using broker = await startTestBroker();
    await using client = await WireClient.connect(broker);
    await makeTopic(client, 't', { partitions: 2 });

    const ids = Array.from({ length: 50 }, (_, index) =>
      client.send(wire.produce, 7, produceRequest('t', plain(), { partition: index % 2 })),
    );
    const offsets: number[] = [];
    for (const id of ids) {
      const { topics } = await client.receive(wire.produce, 7, id);
      offsets.push(topics[0]!.partitions[0]!.baseOffset);
    }

    expect(offsets).toEqual(Array.from({ length: 50 }, (_, index) => Math.floor(index / 2)));
  });
});

describe('an idempotent producer', () => {
  const batchOf = (id: number, sequence: number, count = 1, epoch = 0) =>
    aBatch({
      records: Array.from({ length: count }, () => ({ value: 'v' })),
      producer: { id, epoch, sequence },
    });

  it('gets the first answer again for a repeated batch, and 45 for a gap', async () => {
    await using broker = await startTestBroker();
    await using client = await WireClient.connect(broker);
    await makeTopic(client, 't');
    const asked = { transactionalId: null, transactionTimeoutMs: 0 };
    const { producerId: id } = await client.call(wire.initProducerId, 1, asked);

    expect(await produceOne(client, 't', batchOf(id, 0, 3))).toEqual({ error: 0, baseOffset: 0 });
    expect(await produceOne(client, 't', batchOf(id, 3))).toEqual({ error: 0, baseOffset: 3 });
    expect(await produceOne(client, 't', batchOf(id, 0, 3))).toEqual({ error: 0, baseOffset: 0 });
    expect(await produceOne(client, 't', batchOf(id, 5))).toMatchObject({ error: 45 });
    expect(await produceOne(client, 't', batchOf(id, 4))).toEqual({ error: 0, baseOffset: 4 });
    expect(await produceOne(client, 't', batchOf(id, 0, 1, 1))).toEqual({
      error: 0,
      baseOffset: 5,
    });
    // sequence 1 of the new epoch is not the one of the old
    expect(await produceOne(client, 't', batchOf(id, 1, 2, 1))).toEqual({
      error: 0,
      baseOffset: 6,
    });
    expect(await produceOne(client, 't', batchOf(id, 3, 1, 1))).toEqual({
      error: 0,
      baseOffset: 8,
    });
    expect(await produceOne(client, 't', batchOf(id, 5))).toMatchObject({ error: 47 });
  });

  it('of another kind, transactional, is refused at its first step', async () => {
    await using broker = await startTestBroker();
    await using client = await WireClient.connect(broker);

    const asked = { transactionalId: 'tx', transactionTimeoutMs: 60_000 };
    expect(await client.call(wire.initProducerId, 1, asked)).toMatchObject({
      error: 42,
      producerId: -1,
    });
  });
});
