import { silentLogger } from '@flywheel/core';
import { openClient, within } from '../client/client.ts';
import type { ReadRecord } from '../wire/read-record.ts';

/** What lies in a topic, byte by byte, and a way to put anything there: for tests. */
export type RawClient = AsyncDisposable & {
  produce(
    topic: string,
    records: readonly {
      key?: string | Buffer | null;
      value: string | Buffer | null;
      headers?: Record<string, string>;
      partition?: number;
    }[],
    options?: { gzip?: boolean },
  ): Promise<void>;
  /** All records of a partition from its beginning, once there are at least `count`. */
  read(topic: string, partition: number, count: number): Promise<ReadRecord[]>;
  committed(group: string, topic: string): Promise<number[]>;
  deleteBelow(topic: string, partition: number, offset: number): Promise<void>;
};

export async function openRawClient(brokers: readonly string[]): Promise<RawClient> {
  const options = { brokers, service: 'raw', log: silentLogger };
  const { kafka, sockets, library } = openClient(options, {
    requestTimeoutMs: 10_000,
    silenceMs: 15_000,
  });
  const producer = kafka.producer({ allowAutoTopicCreation: false, idempotent: false });
  const admin = kafka.admin();
  await Promise.all([producer.connect(), admin.connect()]);
  let readers = 0;
  return {
    produce: async (topic, records, { gzip = false } = {}) => {
      const compression = gzip ? library.CompressionTypes.GZIP : library.CompressionTypes.None;
      await producer.send({ topic, compression, messages: [...records] });
    },
    read: async (topic, partition, count) => {
      const found: ReadRecord[] = [];
      const groupId = `raw-${process.pid}-${Date.now()}-${readers++}`;
      const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 100 });
      await consumer.connect();
      await consumer.subscribe({ topics: [topic], fromBeginning: true });
      await new Promise<void>((resolve, reject) => {
        consumer
          .run({
            autoCommit: false,
            eachBatch: ({ batch }) => {
              if (batch.partition === partition)
                found.push(...(batch.messages as unknown as ReadRecord[]));
              if (found.length >= count) resolve();
              return Promise.resolve();
            },
          })
          .catch(reject);
      });
      await consumer.disconnect();
      return found;
    },
    committed: async (groupId, topic) => {
      const [answer] = await admin.fetchOffsets({ groupId, topics: [topic] });
      return (answer?.partitions ?? [])
        .sort((a, b) => a.partition - b.partition)
        .map(({ offset }) => Number(offset));
    },
    deleteBelow: async (topic, partition, offset) => {
      await admin.fetchTopicOffsets(topic); // loads what the next call needs to know
      await admin.deleteTopicRecords({
        topic,
        partitions: [{ partition, offset: String(offset) }],
      });
    },
    [Symbol.asyncDispose]: async () => {
      await within(2000, Promise.all([producer.disconnect(), admin.disconnect()]));
      sockets.destroyAll();
    },
  };
}
