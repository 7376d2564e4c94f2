import { eventually } from '@flywheel/core/testing';
import { describe, expect, it } from 'vitest';
import { startTestBroker } from '../testing.ts';
import { aBatch } from '../testing/a-batch.ts';
import { heldDisk } from '../testing/held-disk.ts';
import { WireClient } from '../testing/wire-client.ts';
import {
  fetchOne,
  fetchRequest,
  makeTopic,
  produceOne,
  produceRequest,
  wire,
} from '../testing/wire.ts';

const small = (value = 'v') => aBatch({ records: [{ key: 'k', value }] });

describe('a fetch', () => {
  it('that waits is answered by the append it waits for', async () => {
    await using broker = await startTestBroker();
    await using reader = await WireClient.connect(broker);
    await using writer = await WireClient.connect(broker);
    await makeTopic(writer, 't', { partitions: 3 });
    const asked = fetchRequest('t', 0, { partition: 2, maxWaitMs: 60_000 });

    const waiting = reader.send(wire.fetch, 11, asked);
    await produceOne(writer, 't', small(), { partition: 1 }); // another partition does not wake it
    await produceOne(writer, 't', small('it'), { partition: 2 });
    const { topics } = await reader.receive(wire.fetch, 11, waiting);

    expect(topics[0]!.partitions[0]).toMatchObject({ error: 0, highWatermark: 1 });
  });

  it('waits for the bytes it asks for, and no longer than it asks to', async () => {
    await using broker = await startTestBroker();
    await using reader = await WireClient.connect(broker);
    await using writer = await WireClient.connect(broker);
    await makeTopic(writer, 't');
    const size = small().length;

    const full = reader.send(
      wire.fetch,
      11,
      fetchRequest('t', 0, { minBytes: 3 * size, maxWaitMs: 60_000 }),
    );
    for (let count = 0; count < 3; count++) await produceOne(writer, 't', small());
    const { topics } = await reader.receive(wire.fetch, 11, full);
    const late = await fetchOne(reader, 't', 0, { minBytes: 1_000_000, maxWaitMs: 50 });

    expect(Buffer.concat([...topics[0]!.partitions[0]!.records!])).toHaveLength(3 * size);
    expect(late.bytes).toHaveLength(3 * size);
  });

  it('gives one record of 900 KB whole, however small its limits', async () => {
    await using broker = await startTestBroker({ tailCacheBytes: 1000 }); // from the file
    await using client = await WireClient.connect(broker);
    await makeTopic(client, 't');
    const large = aBatch({ records: [{ key: 'k', value: Buffer.alloc(900_000, 7) }] });
    await produceOne(client, 't', Buffer.from(large));
    await produceOne(client, 't', small());

    const first = await fetchOne(client, 't', 0, { maxBytes: 1024, partitionMaxBytes: 1 });
    const second = await fetchOne(client, 't', 1, { maxBytes: 0, partitionMaxBytes: 0 });

    expect(first.bytes.subarray(21).equals(large.subarray(21))).toBe(true);
    expect(second.bytes).toHaveLength(small().length);
  });

  it('gives many small batches at once, and only whole ones', async () => {
    for (const tailCacheBytes of [0, 16 * 1024 * 1024]) {
      await using broker = await startTestBroker({ tailCacheBytes, durability: 'none' });
      await using client = await WireClient.connect(broker);
      await makeTopic(client, 't');
      const size = small().length;
      for (let count = 0; count < 500; count++) await produceOne(client, 't', small());

      const all = await fetchOne(client, 't', 0);
      const cut = await fetchOne(client, 't', 100, { partitionMaxBytes: 10 * size + 5 });

      expect(all.bytes).toHaveLength(500 * size);
      expect(cut.bytes).toHaveLength(10 * size);
      expect(cut.bytes.readBigInt64BE(0)).toBe(100n);
    }
  });

  it('from inside a batch gives that batch', async () => {
    await using broker = await startTestBroker();
    await using client = await WireClient.connect(broker);
    await makeTopic(client, 't');
    const ten = aBatch({ records: Array.from({ length: 10 }, () => ({ value: 'v' })) });
    await produceOne(client, 't', Buffer.from(ten));
    await produceOne(client, 't', Buffer.from(ten));

    const { bytes } = await fetchOne(client, 't', 15);

    expect(bytes.readBigInt64BE(0)).toBe(10n);
    expect(bytes).toHaveLength(ten.length);
  });

  it('outside the log is refused at once: before the start, beyond the end, of an absent topic', async () => {
    await using broker = await startTestBroker();
    await using client = await WireClient.connect(broker);
    await makeTopic(client, 't');
    for (let count = 0; count < 5; count++) await produceOne(client, 't', small());
    await client.call(wire.deleteRecords, 1, {
      topics: [{ name: 't', partitions: [{ partition: 0, offset: 2 }] }],
      timeoutMs: 1000,
    });
    const wait = { maxWaitMs: 60_000 };

    expect(await fetchOne(client, 't', 1, wait)).toMatchObject({ error: 1, logStartOffset: 2 });
    expect(await fetchOne(client, 't', 6, wait)).toMatchObject({ error: 1, highWatermark: 5 });
    expect(await fetchOne(client, 'absent', 0, wait)).toMatchObject({ error: 3 });
    expect(await fetchOne(client, 't', 2, wait)).toMatchObject({ error: 0 });
  });

  it('sees what is on the disk and nothing else', async () => {
    const { disk, held } = heldDisk((path) => path.endsWith('.log'));
    await using broker = await startTestBroker({ disk });
    await using writer = await WireClient.connect(broker);
    await using reader = await WireClient.connect(broker);
    await makeTopic(writer, 't');
    const send = () => writer.send(wire.produce, 8, produceRequest('t', small()));

    const first = send();
    await eventually(() => expect(held).toHaveLength(1));
    const second = send(); // queued behind the sync that is under way
    const before = await fetchOne(reader, 't', 0);
    held.shift()?.();
    await writer.receive(wire.produce, 8, first);
    const between = await fetchOne(reader, 't', 0);
    await eventually(() => expect(held).toHaveLength(1));
    held.shift()?.();
    await writer.receive(wire.produce, 8, second);
    const after = await fetchOne(reader, 't', 0);

    expect(before).toMatchObject({ highWatermark: 0, bytes: Buffer.alloc(0) });
    expect(between.highWatermark).toBe(1);
    expect(between.bytes).toHaveLength(small().length);
    expect(after.highWatermark).toBe(2);
  });

  it('that waits on a topic that is deleted is answered with 3', async () => {
    await using broker = await startTestBroker();
    await using reader = await WireClient.connect(broker);
    await using admin = await WireClient.connect(broker);
    await makeTopic(admin, 't');

    const waiting = reader.send(wire.fetch, 11, fetchRequest('t', 0, { maxWaitMs: 60_000 }));
    await admin.call(wire.deleteTopics, 3, { names: ['t'], timeoutMs: 1000 });
    const { topics } = await reader.receive(wire.fetch, 11, waiting);

    expect(topics[0]!.partitions[0]).toMatchObject({ error: 3 });
  });

  it('is answered before a later request of its connection', async () => {
    await using broker = await startTestBroker();
    await using reader = await WireClient.connect(broker);
    await using writer = await WireClient.connect(broker);
    await makeTopic(writer, 't');
    const all = { topics: null, allowAutoTopicCreation: false };
    const asked = { ...all, includeClusterAuthorizedOperations: false };

    const waiting = reader.send(wire.fetch, 11, fetchRequest('t', 0, { maxWaitMs: 60_000 }));
    const later = reader.send(wire.metadata, 8, {
      ...asked,
      includeTopicAuthorizedOperations: false,
    });
    await produceOne(writer, 't', small());

    expect((await reader.receive(wire.fetch, 11, waiting)).topics).toHaveLength(1);
    expect((await reader.receive(wire.metadata, 8, later)).topics).toHaveLength(1);
  });
});

describe('offsets by time', () => {
  it('name the first record at or after the moment, inside a batch too', async () => {
    await using broker = await startTestBroker();
    await using client = await WireClient.connect(broker);
    await makeTopic(client, 't');
    const at = (...times: number[]) =>
      aBatch({ records: times.map((timestamp) => ({ key: 'k', value: 'v', timestamp })) });
    await produceOne(client, 't', at(100, 200, 300));
    await produceOne(client, 't', at(250, 150));
    await produceOne(client, 't', at(400));
    const offsetAt = async (timestamp: number) => {
      const { topics } = await client.call(wire.listOffsets, 5, {
        replicaId: -1,
        isolationLevel: 0,
        topics: [{ name: 't', partitions: [{ partition: 0, currentLeaderEpoch: -1, timestamp }] }],
      });
      const { offset, timestamp: found, error } = topics[0]!.partitions[0]!;
      return [error, offset, found];
    };

    expect(await offsetAt(-2)).toEqual([0, 0, -1]);
    expect(await offsetAt(-1)).toEqual([0, 6, -1]);
    expect(await offsetAt(0)).toEqual([0, 0, 100]);
    expect(await offsetAt(150)).toEqual([0, 1, 200]);
    expect(await offsetAt(301)).toEqual([0, 5, 400]);
    expect(await offsetAt(401)).toEqual([0, -1, -1]);
  });
});
