import { readFileSync } from 'node:fs';
import { Kafka, logLevel } from 'kafkajs';

/**
 * `kafka.ts BROKER TOPIC BATCHES.json`: kafkajs as it comes. Sends the batches, as many at once as there are callers of
 * the chain, and reads them back. Tells how long it took until all were acknowledged, and until all were read.
 */
const [broker, topic, file] = process.argv.slice(2) as [string, string, string];
const CALLERS = 4;
const { batches } = JSON.parse(readFileSync(file, 'utf8')) as {
  batches: { key: string; value: string }[][];
};
const total = batches.reduce((sum, batch) => sum + batch.length, 0);

const kafka = new Kafka({ clientId: 'bare', brokers: [broker], logLevel: logLevel.NOTHING });
const admin = kafka.admin();
const producer = kafka.producer();
const consumer = kafka.consumer({ groupId: topic });
await Promise.all([admin.connect(), producer.connect(), consumer.connect()]);
await admin.createTopics({ topics: [{ topic, numPartitions: 3, replicationFactor: 1 }] });

let read = 0;
const joined = new Promise<void>((resolve) => consumer.on('consumer.group_join', () => resolve()));
await consumer.subscribe({ topics: [topic], fromBeginning: true });
const allRead = new Promise<void>((resolve, reject) => {
  consumer
    .run({
      eachBatch: ({ batch }) => {
        read += batch.messages.length;
        if (read >= total) resolve();
        return Promise.resolve();
      },
    })
    .catch(reject);
});
await joined;

const startedMs = performance.now();
const startedCpu = process.cpuUsage();
let next = 0;
const send = async () => {
  for (let messages = batches[next++]; messages; messages = batches[next++])
    await producer.send({ topic, messages });
};
await Promise.all(Array.from({ length: CALLERS }, send));
const acknowledgedSeconds = (performance.now() - startedMs) / 1000;
await allRead;
const throughSeconds = (performance.now() - startedMs) / 1000;
const { user, system } = process.cpuUsage(startedCpu);

await Promise.all([producer.disconnect(), consumer.disconnect()]);
await admin.deleteTopics({ topics: [topic] });
await admin.disconnect();
process.send?.({
  records: read,
  acknowledgedSeconds,
  throughSeconds,
  cpuSeconds: (user + system) / 1e6,
});
process.once('disconnect', () => process.exit());
