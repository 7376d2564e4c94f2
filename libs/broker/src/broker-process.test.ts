import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Kafka } from 'kafkajs';
import { Scope, silentLogger } from '@flywheel/core';
import type { Logger } from '@flywheel/core';
import { eventually, temporaryFolder } from '@flywheel/core/testing';
import { describe, expect, it } from 'vitest';
import { startBrokerProcess } from './broker-process.ts';
import { aBatch } from './testing/a-batch.ts';
import { kafkaConfig } from './testing/kafka-config.ts';
import { WireClient } from './testing/wire-client.ts';
import { fetchOne, makeTopic, produceOne } from './testing/wire.ts';

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Everything in partition 0, as offset and value; checks that offsets are dense. */
async function readValues(client: WireClient, topic: string, partition: number) {
  const values: string[] = [];
  for (;;) {
    const found = await fetchOne(client, topic, values.length, { partition });
    expect(found.error).toBe(0);
    if (found.bytes.length === 0) return values;
    for (let at = 0; at < found.bytes.length; at += found.bytes.readInt32BE(at + 8) + 12) {
      expect(Number(found.bytes.readBigInt64BE(at))).toBe(values.length);
      const count = found.bytes.readInt32BE(at + 57);
      const section = found.bytes.subarray(at + 61, at + 12 + found.bytes.readInt32BE(at + 8));
      const texts = section.toString('latin1').match(/<[^>]+>/g) ?? [];
      expect(texts).toHaveLength(count);
      values.push(...texts);
    }
  }
}

describe('a broker process', () => {
  it('serves, says what it does in the log of its parent, and stops cleanly', async () => {
    using temporary = temporaryFolder();
    const messages: string[] = [];
    const log: Logger = { ...silentLogger, info: (_, message) => messages.push(message) };
    const broker = await startBrokerProcess({ folder: temporary.path, port: 0, log });
    {
      await using client = await WireClient.connect(broker);
      await makeTopic(client, 't');
      expect(await produceOne(client, 't', aBatch({ records: [{ value: 'v' }] }))).toMatchObject({
        error: 0,
      });
    }

    await broker[Symbol.asyncDispose]();

    expect(await broker.exited).toEqual({ code: 0, signal: null });
    expect(messages).toContain('broker ready');
  });

  it('refuses a taken port and a folder in use in one sentence each', async () => {
    using temporary = temporaryFolder();
    await using first = await startBrokerProcess({
      folder: join(temporary.path, 'a'),
      port: 0,
      log: silentLogger,
    });

    const startOn = (folder: string, port: number) =>
      startBrokerProcess({ folder: join(temporary.path, folder), port, log: silentLogger });

    await expect(startOn('b', first.port)).rejects.toMatchObject({
      code: 'conflict',
      message: 'port is already in use',
      details: { port: first.port },
    });
    await expect(startOn('a', 0)).rejects.toMatchObject({
      code: 'conflict',
      message: 'data folder is already in use',
      details: { pid: first.pid },
    });
    await using client = await WireClient.connect(first); // unharmed
    await makeTopic(client, 't');
  });

  it('ends when its parent is killed', async () => {
    using temporary = temporaryFolder();
    const script = new URL('./testing/parent.ts', import.meta.url).pathname;
    const parent = spawn(
      process.execPath,
      ['--import', import.meta.resolve('tsx'), script, temporary.path],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const [pid, port] = line.toString().trim().split(' ').map(Number) as [number, number];
    await using client = await WireClient.connect({ host: '127.0.0.1', port });
    await makeTopic(client, 't');

    parent.kill('SIGKILL');

    await eventually(() => expect(isAlive(pid)).toBe(false));
  });

  it('killed under load loses nothing it acknowledged, three times over', async () => {
    using temporary = temporaryFolder();
    const partitions = 3;
    const acked: { partition: number; offset: number; value: string }[] = [];
    let count = 0;

    for (let round = 0; round < 3; round++) {
      await using scope = new Scope();
      const broker = scope.use(
        await startBrokerProcess({ folder: temporary.path, port: 0, log: silentLogger }),
      );
      await using client = await WireClient.connect(broker);
      if (round === 0) await makeTopic(client, 't', { partitions });
      const target = acked.length + 1500;
      const producers = Array.from({ length: 4 }, async () => {
        const producer = new Kafka(kafkaConfig(broker, { retries: 0 })).producer({
          allowAutoTopicCreation: false,
        });
        await producer.connect();
        scope.defer(() => producer.disconnect());
        try {
          for (;;) {
            const partition = count % partitions;
            const values = Array.from({ length: 10 }, () => `<value ${count++}>`);
            const [sent] = await producer.send({
              topic: 't',
              messages: values.map((value) => ({ partition, key: 'k', value })),
            });
            values.forEach((value, index) =>
              acked.push({ partition, offset: Number(sent?.baseOffset) + index, value }),
            );
          }
        } catch {
          return; // the broker is gone: this send was not acknowledged
        }
      });
      await eventually(() => expect(acked.length).toBeGreaterThan(target), {
        withinMs: 50_000,
        everyMs: 5,
      });
      process.kill(broker.pid, 'SIGKILL');
      expect(await broker.exited).toEqual({ code: null, signal: 'SIGKILL' });
      await Promise.all(producers);
    }

    await using broker = await startBrokerProcess({
      folder: temporary.path,
      port: 0,
      log: silentLogger,
    });
    await using client = await WireClient.connect(broker);
    const found: string[][] = [];
    for (let partition = 0; partition < partitions; partition++)
      found.push(await readValues(client, 't', partition));
    const missing = acked.filter(
      ({ partition, offset, value }) => found[partition]?.[offset] !== value,
    );
    expect(missing).toEqual([]);
    expect(acked.length).toBeGreaterThan(4500);
  });
});
