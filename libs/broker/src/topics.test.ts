import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Scope, silentLogger } from '@flywheel/core';
import { eventually, temporaryFolder } from '@flywheel/core/testing';
import { describe, expect, it } from 'vitest';
import { startBroker } from './broker.ts';
import { startTestBroker } from './testing.ts';
import { aBatch } from './testing/a-batch.ts';
import { heldDisk } from './testing/held-disk.ts';
import { WireClient } from './testing/wire-client.ts';
import { fetchOne, makeTopic, produceOne, wire } from './testing/wire.ts';

async function open(folder: string) {
  const scope = new Scope();
  const broker = scope.use(await startBroker({ folder, port: 0, log: silentLogger }));
  const client = scope.use(await WireClient.connect(broker));
  const names = async () => {
    const { topics, clusterId } = await client.call(wire.metadata, 8, {
      topics: null,
      allowAutoTopicCreation: false,
      includeClusterAuthorizedOperations: false,
      includeTopicAuthorizedOperations: false,
    });
    return { clusterId, names: topics.map(({ name }) => name).sort() };
  };
  return { client, names, [Symbol.asyncDispose]: () => scope[Symbol.asyncDispose]() };
}

const record = () => aBatch({ records: [{ key: 'k', value: 'v' }] });

describe('topics', () => {
  it('and all about them are as before after a restart', async () => {
    using temporary = temporaryFolder();
    const first = await open(temporary.path);
    await makeTopic(first.client, 'kept', { configs: { 'cleanup.policy': 'compact,delete' } });
    await makeTopic(first.client, 'gone');
    for (let count = 0; count < 3; count++) await produceOne(first.client, 'kept', record());
    await first.client.call(wire.deleteRecords, 1, {
      topics: [{ name: 'kept', partitions: [{ partition: 0, offset: 2 }] }],
      timeoutMs: 1000,
    });
    await first.client.call(wire.deleteTopics, 3, { names: ['gone'], timeoutMs: 1000 });
    const asked = { transactionalId: null, transactionTimeoutMs: 0 };
    const { producerId } = await first.client.call(wire.initProducerId, 1, asked);
    const { clusterId } = await first.names();
    await first[Symbol.asyncDispose]();

    await using second = await open(temporary.path);

    expect(await second.names()).toEqual({ clusterId, names: ['kept'] });
    expect(await fetchOne(second.client, 'kept', 0)).toMatchObject({ error: 1, logStartOffset: 2 });
    expect(await fetchOne(second.client, 'kept', 2)).toMatchObject({ error: 0, highWatermark: 3 });
    const keyless = aBatch({ records: [{ value: 'v' }] });
    expect(await produceOne(second.client, 'kept', keyless)).toMatchObject({ error: 87 });
    const again = await second.client.call(wire.initProducerId, 1, asked);
    expect(again.producerId).toBeGreaterThan(producerId);
    expect(readdirSync(join(temporary.path, 'logs'))).toHaveLength(1);
  });

  it('whose deletion was cut short are removed at the next start, strangers are left alone', async () => {
    using temporary = temporaryFolder();
    const first = await open(temporary.path);
    await makeTopic(first.client, 'gone');
    await produceOne(first.client, 'gone', record());
    const [id] = readdirSync(join(temporary.path, 'logs')) as [string];
    await first.client.call(wire.deleteTopics, 3, { names: ['gone'], timeoutMs: 1000 });
    await first[Symbol.asyncDispose]();
    mkdirSync(join(temporary.path, 'logs', id));
    mkdirSync(join(temporary.path, 'logs', 'stranger'));

    await using second = await open(temporary.path);

    expect(await second.names()).toMatchObject({ names: [] });
    expect(readdirSync(join(temporary.path, 'logs'))).toEqual(['stranger']);
  });

  it('behind a damaged place of the journal are not thrown away with it', async () => {
    using temporary = temporaryFolder();
    const first = await open(temporary.path);
    await makeTopic(first.client, 'a');
    await makeTopic(first.client, 'b');
    for (const name of ['a', 'b']) await produceOne(first.client, name, record());
    await first[Symbol.asyncDispose]();
    const path = join(temporary.path, 'metadata.journal');
    const bytes = readFileSync(path);
    const start = bytes.indexOf('"b"');
    bytes.write('c', start + 1);
    writeFileSync(path, bytes);

    await using second = await open(temporary.path);

    expect(await second.names()).toMatchObject({ names: ['a'] });
    expect(readdirSync(join(temporary.path, 'logs'))).toHaveLength(2);
    expect(existsSync(`${path}.cut`)).toBe(true);
  });
});

describe('what is answered', () => {
  it('is on the disk: a topic made, an offset committed', async () => {
    let isArmed = false;
    const { disk, held } = heldDisk((path) => path.endsWith('offsets.journal') || isArmed);
    await using broker = await startTestBroker({ disk });
    await using client = await WireClient.connect(broker);
    await using other = await WireClient.connect(broker);
    await makeTopic(other, 't');
    const committed = async () => {
      const found = await other.call(wire.offsetFetch, 5, { groupId: 'g', topics: null });
      return found.topics[0]?.partitions[0]?.offset;
    };

    const id = client.send(wire.offsetCommit, 7, {
      groupId: 'g',
      generationId: -1,
      memberId: '',
      groupInstanceId: null,
      retentionTimeMs: -1,
      topics: [
        { name: 't', partitions: [{ partition: 0, offset: 7, leaderEpoch: -1, metadata: null }] },
      ],
    });
    await eventually(() => expect(held).toHaveLength(1));
    expect(await committed()).toBeUndefined();
    held.shift()?.();
    await client.receive(wire.offsetCommit, 7, id);
    expect(await committed()).toBe(7);

    isArmed = true;
    const making = makeTopic(client, 'u');
    await eventually(() => expect(held).toHaveLength(1));
    const listing = { partition: 0, currentLeaderEpoch: -1, timestamp: -1 };
    const { topics } = await other.call(wire.listOffsets, 5, {
      replicaId: -1,
      isolationLevel: 0,
      topics: [{ name: 'u', partitions: [listing] }],
    });
    expect(topics[0]?.partitions[0]?.error).toBe(3);
    held.shift()?.();
    await making;
  });
});

describe('a data folder', () => {
  it('that cannot be used is refused in a sentence', async () => {
    using temporary = temporaryFolder();
    const file = join(temporary.path, 'file');
    writeFileSync(file, '');
    const options = { port: 0, log: silentLogger };

    await expect(startBroker({ ...options, folder: file })).rejects.toMatchObject({
      code: 'invalid_argument',
      details: { field: 'folder' },
    });
    await expect(
      startBroker({ ...options, folder: join(temporary.path, 'x'), host: '203.0.113.1' }),
    ).rejects.toMatchObject({ code: 'unavailable', details: { reason: 'EADDRNOTAVAIL' } });
  });
});
