import { CompressionTypes, Kafka } from 'kafkajs';
import { Scope, silentLogger } from '@flywheel/core';
import { eventually, temporaryFolder } from '@flywheel/core/testing';
import { describe, expect, it } from 'vitest';
import { startBroker } from './broker.ts';
import { startTestBroker } from './testing.ts';
import { kafkaConfig } from './testing/kafka-config.ts';
import { WireClient } from './testing/wire-client.ts';
import { makeTopic } from './testing/wire.ts';

async function start(partitions = 1) {
  const scope = new Scope();
  const broker = scope.use(await startTestBroker());
  await using client = await WireClient.connect(broker);
  await makeTopic(client, 't', { partitions });
  return {
    broker,
    kafka: new Kafka(kafkaConfig(broker)),
    [Symbol.asyncDispose]: () => scope[Symbol.asyncDispose](),
  };
}

/** A consumer that writes down what it sees; stopped with the scope. */
async function consume(kafka: Kafka, scope: Scope) {
  const seen: { partition: number; offset: number; value: string }[] = [];
  const consumer = kafka.consumer({
    groupId: 'g',
    maxWaitTimeInMs: 100,
    heartbeatInterval: 100,
    sessionTimeout: 6000,
    rebalanceTimeout: 5000,
  });
  await consumer.connect();
  scope.defer(() => consumer.disconnect());
  await consumer.subscribe({ topics: ['t'], fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ partition, message }) => {
      seen.push({ partition, offset: Number(message.offset), value: String(message.value) });
      await Promise.resolve();
    },
  });
  return { seen, consumer };
}

async function sendAll(kafka: Kafka, values: readonly string[]) {
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  await producer.connect();
  await producer.send({
    topic: 't',
    messages: values.map((value, index) => ({ key: `key ${index}`, value })),
  });
  await producer.disconnect();
}

const numbers = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => `${from + index}`);

describe('kafkajs', () => {
  it('produces with each kind of acknowledgement and compression', async () => {
    await using system = await start();
    await using scope = new Scope();
    const producer = system.kafka.producer({ allowAutoTopicCreation: false });
    await producer.connect();
    scope.defer(() => producer.disconnect());

    for (const acks of [-1, 1, 0])
      await producer.send({ topic: 't', acks, messages: [{ value: `acks ${acks}` }] });
    await producer.send({
      topic: 't',
      compression: CompressionTypes.GZIP,
      messages: [{ value: 'zipped' }, { key: 'gone', value: null }],
    });
    const { seen } = await consume(system.kafka, scope);

    await eventually(() => expect(seen).toHaveLength(5));
    expect(seen.map(({ value }) => value)).toEqual([
      'acks -1',
      'acks 1',
      'acks 0',
      'zipped',
      'null',
    ]);
    expect(seen.map(({ offset }) => offset)).toEqual([0, 1, 2, 3, 4]);
  });

  it('idempotent, goes on over a restart of the broker without a duplicate', async () => {
    using temporary = temporaryFolder();
    await using scope = new Scope();
    const options = { folder: temporary.path, log: silentLogger };
    const first = await startBroker({ ...options, port: 0 });
    const kafka = new Kafka(kafkaConfig(first, { retries: 20 }));
    await using client = await WireClient.connect(first);
    await makeTopic(client, 't');
    const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    scope.defer(() => producer.disconnect());
    const send = (value: string) => producer.send({ topic: 't', messages: [{ value }] });

    for (const value of numbers(0, 10)) await send(value);
    await first[Symbol.asyncDispose]();
    await using second = await startBroker({ ...options, port: first.port });
    for (const value of numbers(10, 20)) await send(value);
    const { seen } = await consume(new Kafka(kafkaConfig(second)), scope);

    await eventually(() => expect(seen.map(({ value }) => value)).toEqual(numbers(0, 20)));
  });

  it('two members of a group share the partitions, and one alone takes over', async () => {
    await using system = await start(4);
    await using scope = new Scope();
    const first = await consume(system.kafka, scope);
    await sendAll(system.kafka, numbers(0, 50));
    await eventually(() => expect(first.seen).toHaveLength(50));

    const second = await consume(system.kafka, scope);
    await sendAll(system.kafka, numbers(50, 150));
    await eventually(() => expect(first.seen.length + second.seen.length).toBe(150));
    expect(second.seen.length).toBeGreaterThan(0);
    await second.consumer.disconnect();
    await sendAll(system.kafka, numbers(150, 200));

    await eventually(() => expect(first.seen.length + second.seen.length).toBe(200));
    const values = [...first.seen, ...second.seen].map(({ value }) => Number(value));
    expect(values.sort((left, right) => left - right)).toEqual(numbers(0, 200).map(Number));
  });

  it('a group goes on where it committed, after a restart of the broker', async () => {
    using temporary = temporaryFolder();
    await using scope = new Scope();
    const options = { folder: temporary.path, log: silentLogger };
    {
      await using broker = await startBroker({ ...options, port: 0 });
      await using client = await WireClient.connect(broker);
      await makeTopic(client, 't');
      const kafka = new Kafka(kafkaConfig(broker));
      await sendAll(kafka, numbers(0, 10));
      const { seen, consumer } = await consume(kafka, scope);
      await eventually(() => expect(seen).toHaveLength(10));
      await consumer.disconnect();
    }

    await using broker = await startBroker({ ...options, port: 0 });
    const kafka = new Kafka(kafkaConfig(broker));
    await sendAll(kafka, numbers(10, 15));
    const { seen } = await consume(kafka, scope);

    await eventually(() => expect(seen.map(({ value }) => value)).toEqual(numbers(10, 15)));
  });

  it('is told that a topic is absent and that a message is too large', async () => {
    await using system = await start();
    await using scope = new Scope();
    const producer = new Kafka(kafkaConfig(system.broker, { retries: 1 })).producer({
      allowAutoTopicCreation: true, // the client may ask; the broker does not
    });
    await producer.connect();
    scope.defer(() => producer.disconnect());

    const absent = producer.send({ topic: 'absent', messages: [{ value: 'v' }] });
    await expect(absent).rejects.toMatchObject({ cause: { code: 3 } });
    const large = producer.send({ topic: 't', messages: [{ value: Buffer.alloc(2_000_000) }] });
    await expect(large).rejects.toMatchObject({ code: 10 });
    await producer.send({ topic: 't', messages: [{ value: 'normal' }] });
    const { seen } = await consume(system.kafka, scope);

    await eventually(() => expect(seen).toEqual([{ partition: 0, offset: 0, value: 'normal' }]));
  });

  it('a hundred topics of three partitions are made and used without trouble', async () => {
    await using broker = await startTestBroker();
    await using scope = new Scope();
    const kafka = new Kafka(kafkaConfig(broker));
    const admin = kafka.admin();
    await admin.connect();
    scope.defer(() => admin.disconnect());
    const topics = Array.from({ length: 100 }, (_, index) => `topic-${index}`);

    await admin.createTopics({
      waitForLeaders: false,
      topics: topics.map((topic) => ({ topic, numPartitions: 3 })),
    });
    const producer = kafka.producer({ allowAutoTopicCreation: false });
    await producer.connect();
    scope.defer(() => producer.disconnect());
    const sent = await producer.sendBatch({
      topicMessages: topics.map((topic) => ({
        topic,
        messages: [0, 1, 2].map((partition) => ({ partition, value: topic })),
      })),
    });

    expect(sent).toHaveLength(300);
    expect(sent.every(({ errorCode }) => errorCode === 0)).toBe(true);
  });
});
