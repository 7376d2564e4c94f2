import { Kafka, logLevel } from 'kafkajs';
import { expect, it } from 'vitest';
import { eventually } from '@flywheel/core/testing';
import { startTestBroker } from './testing.ts';

/*
 * The broker in five minutes. It listens on loopback and speaks Kafka, so everything below is an unmodified client.
 */

it('records are produced, kept and consumed as with any Kafka', async () => {
  await using broker = await startTestBroker();
  const kafka = new Kafka({
    clientId: 'guide',
    brokers: [broker.address],
    logLevel: logLevel.NOTHING,
  });

  // Topics are made on purpose: asking for one never creates it.
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: 'flights', numPartitions: 2 }] });

  // acks −1 (the default) is answered when the record is on the disk.
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  await producer.connect();
  const [first] = await producer.send({
    topic: 'flights',
    messages: [{ key: 'ORD-LAX', value: 'on time', headers: { source: 'guide' } }],
  });
  expect(first).toMatchObject({ errorCode: 0, baseOffset: '0' });

  // A group gets the partitions, and its commits outlive it.
  const seen: string[] = [];
  const consumer = kafka.consumer({ groupId: 'guide', maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topics: ['flights'], fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message }) => {
      seen.push(`${message.key?.toString()}: ${message.value?.toString()}`);
      await Promise.resolve();
    },
  });
  await eventually(() => expect(seen).toEqual(['ORD-LAX: on time']));
  await consumer.disconnect();
  const committed = await admin.fetchOffsets({ groupId: 'guide', topics: ['flights'] });
  expect(committed[0]?.partitions.map(({ offset }) => offset).sort()).toEqual(['-1', '1']);

  await producer.disconnect();
  await admin.disconnect();
});
