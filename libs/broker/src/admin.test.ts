import {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  ConfigResourceTypes,
  Kafka,
  ResourcePatternTypes,
} from 'kafkajs';
import type { Admin } from 'kafkajs';
import { Scope } from '@flywheel/core';
import { eventually } from '@flywheel/core/testing';
import { describe, expect, it } from 'vitest';
import { startTestBroker } from './testing.ts';
import { kafkaConfig } from './testing/kafka-config.ts';

/** A broker, a kafkajs client and its admin; all closed together. */
async function start(options: { retries?: number } = {}) {
  const scope = new Scope();
  const broker = scope.use(await startTestBroker({ defaultPartitions: 2 }));
  const kafka = new Kafka(kafkaConfig(broker, options));
  const admin = kafka.admin();
  await admin.connect();
  scope.defer(() => admin.disconnect());
  return { broker, kafka, admin, [Symbol.asyncDispose]: () => scope[Symbol.asyncDispose]() };
}

async function produce(kafka: Kafka, topic: string, values: readonly string[], partition = 0) {
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  await producer.connect();
  try {
    return await producer.send({
      topic,
      messages: values.map((value) => ({ key: 'k', value, partition })),
    });
  } finally {
    await producer.disconnect();
  }
}

async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  const error = (await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )) as { name?: string; code?: number; cause?: { code?: number; name?: string } } | undefined;
  return error?.code ?? error?.cause?.code ?? error?.cause?.name ?? error?.name;
}

async function endOffsets(admin: Admin, topic: string) {
  const offsets = await admin.fetchTopicOffsets(topic);
  return offsets.map(({ low, high }) => [low, high]);
}

describe('the admin of kafkajs', () => {
  it('sees one broker, on the address that was asked for', async () => {
    await using system = await start();

    const cluster = await system.admin.describeCluster();

    expect(cluster.brokers).toEqual([{ nodeId: 1, host: '127.0.0.1', port: system.broker.port }]);
    expect(cluster.controller).toBe(1);
    expect(cluster.clusterId).toMatch(/^[\w-]{22}$/);
  });

  it('makes, lists, grows and deletes topics, and is refused as Kafka refuses', async () => {
    await using system = await start({ retries: 1 });
    const { admin } = system;

    expect(await admin.createTopics({ topics: [{ topic: 'defaults' }] })).toBe(true);
    expect(
      await admin.createTopics({
        topics: [{ topic: 'named', numPartitions: 3, replicationFactor: 1 }],
      }),
    ).toBe(true);
    expect(await admin.createTopics({ topics: [{ topic: 'named' }] })).toBe(false);
    expect(
      await admin.createTopics({
        topics: [{ topic: 'checked' }],
        validateOnly: true,
        waitForLeaders: false,
      }),
    ).toBe(true);
    const refusals: [topic: object, code: string][] = [
      [{ topic: 'bad/name' }, 'INVALID_TOPIC_EXCEPTION'],
      [{ topic: '..' }, 'INVALID_TOPIC_EXCEPTION'],
      [{ topic: 'x'.repeat(250) }, 'INVALID_TOPIC_EXCEPTION'],
      [{ topic: 'rf', replicationFactor: 3 }, 'INVALID_REPLICATION_FACTOR'],
      [{ topic: 'none', numPartitions: 0 }, 'INVALID_PARTITIONS'],
      [{ topic: 'key', configEntries: [{ name: 'retention.mss', value: '1' }] }, 'INVALID_CONFIG'],
      [
        { topic: 'value', configEntries: [{ name: 'retention.ms', value: 'week' }] },
        'INVALID_CONFIG',
      ],
    ];
    for (const [topic, type] of refusals) {
      const refused = admin.createTopics({ topics: [topic as { topic: string }] });
      await expect(refused).rejects.toMatchObject({ errors: [{ type }] });
    }
    await admin.createTopics({ topics: [{ topic: 'a.b' }] });
    await expect(admin.createTopics({ topics: [{ topic: 'a_b' }] })).rejects.toMatchObject({
      errors: [{ type: 'INVALID_TOPIC_EXCEPTION' }],
    });

    expect((await admin.listTopics()).sort()).toEqual(['a.b', 'defaults', 'named']);
    await admin.createPartitions({ topicPartitions: [{ topic: 'named', count: 5 }] });
    const { topics } = await admin.fetchTopicMetadata({ topics: ['named', 'defaults'] });
    const counts = topics.map(({ name, partitions }) => [name, partitions.length]);
    expect(Object.fromEntries(counts)).toEqual({ named: 5, defaults: 2 });
    expect(
      await codeOf(admin.createPartitions({ topicPartitions: [{ topic: 'named', count: 4 }] })),
    ).toBe(37);
    expect(await codeOf(admin.fetchTopicMetadata({ topics: ['absent'] }))).toBe(3);

    await admin.deleteTopics({ topics: ['named'] });
    expect(await codeOf(admin.deleteTopics({ topics: ['absent'] }))).toBe(3);
    expect((await admin.listTopics()).sort()).toEqual(['a.b', 'defaults']);
    await admin.createTopics({ topics: [{ topic: 'named', numPartitions: 1 }] });
    expect(await endOffsets(admin, 'named')).toEqual([['0', '0']]);
  });

  it('describes and alters configs of topics, and describes the broker', async () => {
    await using system = await start({ retries: 1 });
    const { admin } = system;
    const topic = { type: ConfigResourceTypes.TOPIC, name: 't' };
    await admin.createTopics({
      topics: [{ topic: 't', configEntries: [{ name: 'retention.ms', value: '1000' }] }],
    });

    await admin.alterConfigs({
      validateOnly: false,
      resources: [{ ...topic, configEntries: [{ name: 'cleanup.policy', value: 'compact' }] }],
    });
    const described = await admin.describeConfigs({
      includeSynonyms: true,
      resources: [
        { ...topic, configNames: ['cleanup.policy', 'retention.ms'] },
        { type: ConfigResourceTypes.BROKER, name: '1' },
      ],
    });
    const wrong = { ...topic, configEntries: [{ name: 'cleanup.policy', value: 'shred' }] };

    expect(described.resources[0]?.configEntries).toMatchObject([
      {
        configName: 'cleanup.policy',
        configValue: 'compact',
        isDefault: false,
        configSource: 1,
        configSynonyms: [
          { configName: 'cleanup.policy', configValue: 'compact', configSource: 1 },
          { configName: 'cleanup.policy', configValue: 'delete', configSource: 5 },
        ],
      },
      { configName: 'retention.ms', configValue: '604800000', isDefault: true },
    ]);
    expect(described.resources[1]?.configEntries.map(({ configName }) => configName)).toContain(
      'num.partitions',
    );
    expect(await codeOf(admin.alterConfigs({ validateOnly: false, resources: [wrong] }))).toBe(40);
  });

  it('is told that there are no access rules', async () => {
    await using system = await start({ retries: 1 });
    const filter = {
      resourceType: AclResourceTypes.TOPIC,
      resourcePatternType: ResourcePatternTypes.LITERAL,
      operation: AclOperationTypes.READ,
      permissionType: AclPermissionTypes.ALLOW,
      resourceName: 't',
      principal: 'User:x',
      host: '*',
    };

    expect(await codeOf(system.admin.describeAcls(filter))).toBe(54);
    expect(await codeOf(system.admin.createAcls({ acl: [filter] }))).toBe(54);
  });

  it('deletes records up to an offset and finds offsets by time', async () => {
    await using system = await start({ retries: 1 });
    const { admin, kafka } = system;
    await admin.createTopics({ topics: [{ topic: 't', numPartitions: 1 }] });
    const before = Date.now() - 1;
    await produce(
      kafka,
      't',
      Array.from({ length: 20 }, (_, index) => `${index}`),
    );
    const upTo = (offset: string) =>
      admin.deleteTopicRecords({ topic: 't', partitions: [{ partition: 0, offset }] });

    expect(await endOffsets(admin, 't')).toEqual([['0', '20']]); // kafkajs has to know the topic first
    await upTo('8');
    expect(await endOffsets(admin, 't')).toEqual([['8', '20']]);
    await upTo('3'); // behind the start already: nothing happens
    expect(await codeOf(upTo('21'))).toBe('KafkaJSDeleteTopicRecordsError');
    expect(await admin.fetchTopicOffsetsByTimestamp('t', before)).toEqual([
      { partition: 0, offset: '8' },
    ]);
    expect(await admin.fetchTopicOffsetsByTimestamp('t', Date.now() + 60_000)).toEqual([
      { partition: 0, offset: '20' },
    ]);
    await upTo('-1');

    expect(await endOffsets(admin, 't')).toEqual([['20', '20']]);
  });

  it('sets, resets and deletes offsets of a group that nobody is in', async () => {
    await using system = await start({ retries: 1 });
    const { admin, kafka } = system;
    await admin.createTopics({ topics: [{ topic: 't', numPartitions: 1 }] });
    await produce(kafka, 't', ['a', 'b', 'c']);
    const offsetOf = async (groupId: string) => {
      const [found] = await admin.fetchOffsets({ groupId, topics: ['t'] });
      return found?.partitions[0]?.offset;
    };

    expect(await admin.fetchOffsets({ groupId: 'unknown' })).toEqual([]);
    const place = { topic: 't', partitions: [{ partition: 0, offset: '2' }] };
    await Promise.all([
      admin.setOffsets({ groupId: 'set', ...place }),
      admin.resetOffsets({ groupId: 'early', topic: 't', earliest: true }),
      admin.resetOffsets({ groupId: 'late', topic: 't', earliest: false }),
    ]);
    expect(await offsetOf('set')).toBe('2');
    expect(await offsetOf('early')).toBe('-2'); // kafkajs commits the symbol, not the offset
    expect(await offsetOf('late')).toBe('-1');
    const listed = (await admin.listGroups()).groups.map(({ groupId }) => groupId);
    expect(listed.sort()).toEqual(['early', 'late', 'set']);
    await admin.deleteGroups(listed);

    expect((await admin.listGroups()).groups).toEqual([]);
    expect(await codeOf(admin.deleteGroups(['g']))).toBe('KafkaJSDeleteGroupsError');
  });

  it('cannot delete or move a group that is alive', async () => {
    await using system = await start({ retries: 1 });
    const { admin, kafka } = system;
    await admin.createTopics({ topics: [{ topic: 't', numPartitions: 1 }] });
    const consumer = kafka.consumer({ groupId: 'g', maxWaitTimeInMs: 50 });
    await consumer.connect();
    await consumer.subscribe({ topics: ['t'], fromBeginning: true });
    await consumer.run({ eachMessage: () => Promise.resolve() });
    await eventually(async () => {
      const { groups } = await admin.describeGroups(['g']);
      expect(groups[0]).toMatchObject({ state: 'Stable', protocolType: 'consumer' });
      expect(groups[0]?.members).toHaveLength(1);
    });

    const moved = admin.setOffsets({
      groupId: 'g',
      topic: 't',
      partitions: [{ partition: 0, offset: '0' }],
    });
    await expect(moved).rejects.toThrow('must have no running instances');
    await expect(admin.deleteGroups(['g'])).rejects.toMatchObject({
      groups: [{ errorCode: 68, groupId: 'g' }],
    });
    await consumer.disconnect();

    expect((await admin.describeGroups(['g'])).groups[0]?.state).toBe('Dead');
  });
});
