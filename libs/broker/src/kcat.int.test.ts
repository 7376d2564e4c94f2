import { execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { Kafka } from 'kafkajs';
import { Scope } from '@flywheel/core';
import { eventually } from '@flywheel/core/testing';
import { describe, expect, it } from 'vitest';
import { startTestBroker } from './testing.ts';
import { kafkaConfig } from './testing/kafka-config.ts';
import { WireClient } from './testing/wire-client.ts';
import { makeTopic } from './testing/wire.ts';

/*
 * librdkafka through kcat (Debian package `kcat` 1.7.1), an implementation independent of kafkajs and of this one.
 */
const run = promisify(execFile);

async function start(partitions = 1) {
  const scope = new Scope();
  const broker = scope.use(await startTestBroker());
  await using client = await WireClient.connect(broker);
  await makeTopic(client, 't', { partitions });
  const kcat = async (...args: string[]) =>
    (await run('kcat', ['-b', broker.address, ...args], { timeout: 30_000 })).stdout;
  const produce = (lines: string, ...args: string[]) =>
    new Promise<number | null>((resolve) => {
      const child = spawn('kcat', ['-b', broker.address, '-P', '-t', 't', ...args]);
      child.once('close', resolve);
      child.stdin.end(lines);
    });
  return { broker, kcat, produce, [Symbol.asyncDispose]: () => scope[Symbol.asyncDispose]() };
}

const numbers = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => `${from + index}`);

describe('kcat', () => {
  it('lists the broker and its topics', async () => {
    await using system = await start(3);

    const listed = JSON.parse(await system.kcat('-L', '-J')) as {
      brokers: unknown;
      topics: unknown;
    };

    expect(listed.brokers).toEqual([{ id: 1, name: system.broker.address }]);
    expect(listed.topics).toMatchObject([{ topic: 't', partitions: [{}, {}, {}] }]);
  });

  it('produces with every codec and reads it all back, keys and headers too', async () => {
    await using system = await start();
    const values = numbers(0, 200).map((value) => value.repeat(20));

    for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd'])
      expect(
        await system.produce(
          values.map((value) => `key:${codec} ${value}\n`).join(''),
          ...['-K:', '-H', 'source=kcat', '-z', codec, '-X', 'acks=all'],
        ),
      ).toBe(0);
    const read = await system.kcat('-C', '-t', 't', '-e', '-q', '-f', '%o %k %h %s\n');

    const lines = read.trim().split('\n');
    expect(lines).toHaveLength(1000);
    expect(lines[999]).toBe(`999 key source=kcat zstd ${values[199]}`);
    expect(lines.map((line) => Number(line.split(' ')[0]))).toEqual(numbers(0, 1000).map(Number));
  });

  it('produces as an idempotent producer', async () => {
    await using system = await start();

    const lines = numbers(0, 5000).join('\n');
    expect(
      await system.produce(lines, '-X', 'enable.idempotence=true', '-X', 'batch.num.messages=50'),
    ).toBe(0);

    const read = await system.kcat('-C', '-t', 't', '-e', '-q');
    expect(read.trim().split('\n')).toEqual(numbers(0, 5000));
  });

  it('reads as a group from where it stopped', async () => {
    await using system = await start(2);
    const group = (count: number) =>
      system.kcat(
        ...['-q', '-c', String(count), '-X', 'auto.offset.reset=earliest', '-G', 'g', 't'],
      );

    await system.produce(numbers(0, 10).join('\n'));
    const first = await group(10);
    await system.produce(numbers(10, 20).join('\n'));
    const second = await group(10);

    const sorted = (text: string) =>
      text
        .trim()
        .split('\n')
        .map(Number)
        .sort((left, right) => left - right);
    expect(sorted(first)).toEqual(numbers(0, 10).map(Number));
    expect(sorted(second)).toEqual(numbers(10, 20).map(Number));
  });

  it('finds offsets by time, and starts reading there', async () => {
    await using system = await start();
    await system.produce('old\n');
    await eventually(() => expect(Date.now() % 10).toBe(0)); // the next is later by its clock
    const between = Date.now() + 1;
    await eventually(() => expect(Date.now()).toBeGreaterThan(between + 5));
    await system.produce('new\n');

    expect(await system.kcat('-Q', '-t', `t:0:${between}`)).toContain('offset 1');
    expect(await system.kcat('-C', '-t', 't', '-e', '-q', '-o', `s@${between}`)).toBe('new\n');
  });

  it('is told that a topic is absent', async () => {
    await using system = await start();

    const failed = await system.kcat('-C', '-t', 'absent', '-e').then(
      () => undefined,
      (error: unknown) => error as { code: number; stderr: string },
    );

    expect(failed?.code).toBe(1);
    expect(failed?.stderr).toContain('Unknown topic or partition');
  });

  it('as a static member comes back without a rebalance of the others', async () => {
    await using system = await start(2);
    await using scope = new Scope();
    const member = (name: string) => {
      const output: string[] = [];
      const child = spawn('kcat', [
        ...['-b', system.broker.address, '-u', '-X', `group.instance.id=${name}`],
        ...['-X', 'session.timeout.ms=20000', '-X', 'auto.offset.reset=earliest', '-G', 'g', 't'],
      ]);
      child.stdout.on('data', (data: Buffer) => output.push(data.toString()));
      child.stderr.on('data', (data: Buffer) => output.push(data.toString()));
      scope.defer(() => child.kill('SIGKILL'));
      const assigned = () => output.join('').match(/(?<=rebalanced .*: )assigned: .*/g) ?? [];
      return { child, assigned };
    };
    const one = member('one');
    const two = member('two');
    await eventually(
      () => {
        expect(one.assigned().at(-1)).toMatch(/t \[\d\]$/);
        expect(two.assigned().at(-1)).toMatch(/t \[\d\]$/);
      },
      { withinMs: 30_000 },
    );
    const rebalances = one.assigned().length;

    two.child.kill('SIGKILL');
    const again = member('two');
    await eventually(() => expect(again.assigned()).toHaveLength(1), { withinMs: 30_000 });

    expect(again.assigned()).toEqual(two.assigned().slice(-1));
    expect(one.assigned()).toHaveLength(rebalances);
  });

  it('with another assignor than the group is refused and not left hanging', async () => {
    await using system = await start(2);
    await using scope = new Scope();
    const consumer = new Kafka(kafkaConfig(system.broker)).consumer({
      groupId: 'g',
      maxWaitTimeInMs: 100,
    });
    await consumer.connect();
    scope.defer(() => consumer.disconnect());
    await consumer.subscribe({ topics: ['t'], fromBeginning: true });
    const values: string[] = [];
    const joined = new Promise((resolve) => consumer.on('consumer.group_join', resolve));
    await consumer.run({
      eachMessage: async ({ message }) => {
        values.push(String(message.value));
        await Promise.resolve();
      },
    });
    await joined;

    const stranger = spawn('kcat', [
      ...['-b', system.broker.address, '-X', 'partition.assignment.strategy=range'],
      ...['-X', 'debug=cgrp', '-G', 'g', 't'],
    ]);
    scope.defer(() => stranger.kill('SIGKILL'));
    let said = '';
    stranger.stderr.on('data', (data: Buffer) => (said += data.toString()));
    await eventually(() => expect(said).toContain('Inconsistent group protocol'), {
      withinMs: 20_000,
    });
    await system.produce('still here\n');

    await eventually(() => expect(values).toEqual(['still here']));
  });
});
