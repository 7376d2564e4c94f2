import { Kafka, logLevel } from 'kafkajs';
import { Client } from 'pg';
import { Redis } from 'ioredis';
import {
  GetObjectCommand,
  PutObjectCommand,
  S3Client,
  type S3ServiceException,
} from '@aws-sdk/client-s3';
import { expect, test } from 'vitest';

const variable = (name: string): string => {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
};
const fresh = (): string => `servers-${Math.random().toString(36).slice(2)}`;

test('Kafka keeps what a producer sent and gives it to a new group at once', async () => {
  const kafka = new Kafka({ brokers: [variable('KAFKA_BROKERS')], logLevel: logLevel.NOTHING });
  const topic = fresh();
  const admin = kafka.admin();
  const producer = kafka.producer();
  const consumer = kafka.consumer({ groupId: fresh() });
  await Promise.all([admin.connect(), producer.connect(), consumer.connect()]);

  await admin.createTopics({ topics: [{ topic }], waitForLeaders: true });
  await producer.send({ topic, messages: [{ key: 'k', value: 'v' }] });
  await consumer.subscribe({ topic, fromBeginning: true });
  const value = await new Promise((resolve, reject) => {
    consumer
      .run({
        eachMessage: ({ message }) => {
          resolve(message.value?.toString());
          return Promise.resolve();
        },
      })
      .catch(reject);
  });

  expect(value).toBe('v');
  await consumer.disconnect();
  await admin.deleteTopics({ topics: [topic] });
  await Promise.all([admin.disconnect(), producer.disconnect()]);
});

test('PostgreSQL is version 15 in UTF-8 and lets the platform make its schemas', async () => {
  const client = new Client({ connectionString: variable('DATABASE_URL') });
  const schema = fresh();
  await client.connect();

  await client.query(`create schema "${schema}"`);
  const { rows } = await client.query(
    "select current_setting('server_version_num')::int / 10000 as major, current_setting('server_encoding') as encoding",
  );

  expect(rows).toEqual([{ major: 15, encoding: 'UTF8' }]);
  await client.query(`drop schema "${schema}"`);
  await client.end();
});

test('Redis is version 7 and writes ahead', async () => {
  const redis = new Redis(variable('REDIS_URL'));

  expect(await redis.info('server')).toContain('redis_version:7.');
  expect(await redis.config('GET', 'appendonly')).toEqual(['appendonly', 'yes']);
  redis.disconnect();
});

test('S3 keeps an object and refuses to overwrite it under a condition', async () => {
  const s3 = new S3Client({
    endpoint: variable('S3_ENDPOINT'),
    region: variable('S3_REGION'),
    forcePathStyle: true,
    credentials: {
      accessKeyId: variable('S3_ACCESS_KEY_ID'),
      secretAccessKey: variable('S3_SECRET_ACCESS_KEY'),
    },
  });
  const at = { Bucket: variable('S3_BUCKET'), Key: fresh() };

  await s3.send(new PutObjectCommand({ ...at, Body: 'first' }));
  const refused = await s3
    .send(new PutObjectCommand({ ...at, Body: 'second', IfNoneMatch: '*' }))
    .catch((error: unknown) => error as S3ServiceException);

  expect(refused).toMatchObject({ name: 'PreconditionFailed' });
  const { Body } = await s3.send(new GetObjectCommand(at));
  expect(await Body?.transformToString()).toBe('first');
});
