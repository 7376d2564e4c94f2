import { crc32c, silentLogger } from '@flywheel/core';
import { eventually, temporaryFolder } from '@flywheel/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { startBroker } from './broker.ts';
import { startTestBroker } from './testing.ts';
import { aBatch } from './testing/a-batch.ts';
import { WireClient } from './testing/wire-client.ts';
import { fetchRequest, makeTopic, produceOne, produceRequest, wire } from './testing/wire.ts';

/** A request made of a header and any bytes. */
function rawRequest(key: number, version: number, body = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(14);
  header.writeInt32BE(10 + body.length, 0);
  header.writeInt16BE(key, 4);
  header.writeInt16BE(version, 6);
  header.writeInt32BE(77, 8);
  header.writeInt16BE(-1, 12);
  return Buffer.concat([header, body]);
}

describe('a connection', () => {
  it('that asks for too new a version list gets version 0, error 35 and the list', async () => {
    await using broker = await startTestBroker();
    await using client = await WireClient.connect(broker);

    client.sendRaw(rawRequest(18, 4));
    const answer = (await client.nextAnswer()) as Buffer;

    expect(answer.readInt32BE(0)).toBe(77);
    expect(answer.readInt16BE(4)).toBe(35);
    const count = answer.readInt32BE(6);
    expect(answer.length).toBe(10 + count * 6);
    const ranges = new Map<number, [number, number]>();
    for (let at = 10; at < answer.length; at += 6)
      ranges.set(answer.readInt16BE(at), [answer.readInt16BE(at + 2), answer.readInt16BE(at + 4)]);
    expect(Object.fromEntries(ranges)).toEqual({
      0: [0, 8],
      1: [4, 11],
      2: [1, 5],
      3: [0, 8],
      8: [2, 7],
      9: [1, 5],
      10: [0, 2],
      11: [0, 5],
      12: [0, 3],
      13: [0, 3],
      14: [0, 3],
      15: [0, 4],
      16: [0, 2],
      18: [0, 3],
      19: [2, 4],
      20: [1, 3],
      21: [0, 1],
      22: [0, 1],
      29: [1, 1],
      30: [1, 1],
      31: [1, 1],
      32: [1, 3],
      33: [0, 1],
      37: [0, 1],
      42: [0, 1],
      44: [0, 0],
    });
  });

  it('that asks for the version list in its flexible form gets an old header and a new body', async () => {
    await using broker = await startTestBroker();
    await using client = await WireClient.connect(broker);

    client.sendRaw(rawRequest(18, 3, Buffer.from([0, 2, 0x61, 2, 0x31, 0])));
    const answer = (await client.nextAnswer()) as Buffer;

    expect(answer.readInt32BE(0)).toBe(77);
    expect(answer.readInt16BE(4)).toBe(0); // at once: no tagged fields in the header
    const count = answer.readUInt8(6) - 1;
    expect(answer.length).toBe(7 + count * 7 + 4 + 1);
  });

  it('that sends what is no request is closed, and the others are served', async () => {
    await using broker = await startTestBroker();
    await using good = await WireClient.connect(broker);
    await makeTopic(good, 't');
    const nonsense = [
      Buffer.from('GET / HTTP/1.1\r\nhost: x\r\n\r\n'),
      Buffer.from([0x7f, 0xff, 0xff, 0xff]),
      rawRequest(99, 0),
      rawRequest(3, 100),
      rawRequest(3, 8, Buffer.from([0x7f, 0xff, 0xff, 0xff])),
      rawRequest(11, 5),
    ];

    for (const bytes of nonsense) {
      await using client = await WireClient.connect(broker);
      client.sendRaw(bytes);
      expect(await client.nextAnswer()).toBeUndefined();
    }

    expect(await produceOne(good, 't', aBatch({ records: [{ value: 'v' }] }))).toMatchObject({
      error: 0,
    });
  });

  it('survives any bytes behind any header', async () => {
    await using broker = await startTestBroker();
    await using good = await WireClient.connect(broker);
    await makeTopic(good, 't');

    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 45 }),
        fc.integer({ min: 0, max: 8 }),
        fc.uint8Array({ maxLength: 60 }),
        async (key, version, body) => {
          await using client = await WireClient.connect(broker);
          client.sendRaw(rawRequest(key, version, Buffer.from(body)));
          client.sendRaw(Buffer.from([0, 0, 0, 1])); // no frame: closes what is still open
          while (await client.nextAnswer());
        },
      ),
      { numRuns: 100 },
    );

    expect(await produceOne(good, 't', aBatch({ records: [{ value: 'v' }] }))).toMatchObject({
      error: 0,
    });
  });

  it('that goes away while its fetch waits leaves nothing behind', async () => {
    using temporary = temporaryFolder();
    const broker = await startBroker({ folder: temporary.path, port: 0, log: silentLogger });
    {
      await using client = await WireClient.connect(broker);
      await makeTopic(client, 't');
      client.send(wire.fetch, 11, fetchRequest('t', 0, { maxWaitMs: 60_000 }));
    }
    {
      await using client = await WireClient.connect(broker);
      client.send(wire.fetch, 11, fetchRequest('t', 0, { maxWaitMs: 60_000 }));
      await broker[Symbol.asyncDispose](); // does not wait for the minute
      await eventually(() => expect(client.isClosed).toBe(true));
    }
  });

  it('gets its answers to what is on the way when the broker stops', async () => {
    using temporary = temporaryFolder();
    const broker = await startBroker({ folder: temporary.path, port: 0, log: silentLogger });
    await using client = await WireClient.connect(broker);
    await makeTopic(client, 't');
    await produceOne(client, 't', aBatch({ records: [{ value: 'first' }] }));

    const id = client.send(
      wire.produce,
      8,
      produceRequest('t', aBatch({ records: [{ value: 'last' }] })),
    );
    await eventually(async () => {
      const other = await WireClient.connect(broker);
      const { topics } = await other.call(wire.listOffsets, 1, {
        replicaId: -1,
        isolationLevel: 0,
        topics: [
          { name: 't', partitions: [{ partition: 0, currentLeaderEpoch: -1, timestamp: -1 }] },
        ],
      });
      await other[Symbol.asyncDispose]();
      expect(topics[0]!.partitions[0]!.offset).toBe(2);
    });
    await broker[Symbol.asyncDispose]();

    const { topics } = await client.receive(wire.produce, 8, id);
    expect(topics[0]!.partitions[0]).toMatchObject({ error: 0, baseOffset: 1 });
  });

  it('sees with each request what its requests before have done', async () => {
    await using broker = await startTestBroker();
    await using client = await WireClient.connect(broker);
    await makeTopic(client, 't');
    const end = { partition: 0, currentLeaderEpoch: -1, timestamp: -1 };

    for (let count = 1; count <= 20; count++) {
      const batch = aBatch({ records: [{ value: 'v' }] });
      const produced = client.send(wire.produce, 8, produceRequest('t', batch));
      const listed = client.send(wire.listOffsets, 5, {
        replicaId: -1,
        isolationLevel: 0,
        topics: [{ name: 't', partitions: [end] }],
      });
      await client.receive(wire.produce, 8, produced);
      const { topics } = await client.receive(wire.listOffsets, 5, listed);
      expect(topics[0]!.partitions[0]!.offset).toBe(count);
    }
  });

  it('is not read further while too much of it is unanswered, and loses nothing', async () => {
    await using broker = await startTestBroker();
    await using client = await WireClient.connect(broker);
    await makeTopic(client, 't', { configs: { 'max.message.bytes': '10000000' } });
    const large = aBatch({ records: [{ value: Buffer.alloc(5_000_000, 1) }] });
    expect(crc32c(large, 21)).toBe(large.readUInt32BE(17));

    const ids = Array.from({ length: 12 }, () =>
      client.send(wire.produce, 8, produceRequest('t', Buffer.from(large))),
    );

    for (const [index, id] of ids.entries()) {
      const { topics } = await client.receive(wire.produce, 8, id);
      expect(topics[0]!.partitions[0]).toMatchObject({ error: 0, baseOffset: index });
    }
  });
});
