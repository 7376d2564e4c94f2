import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@flywheel/core';
import { openBus } from '../bus.ts';
import { startBrokerProcess } from './brokers.contract.ts';
import { aContract } from './contracts.ts';

/**
 * Records per second through the embedded broker in a process of its own, or through given brokers:
 *   node --import tsx libs/kafka/src/testing/throughput.ts [records] [bytes] [host:port,…]
 */
const records = Number(process.argv[2] ?? 100_000);
const bytes = Number(process.argv[3] ?? 120);
const report = (line: string) => process.stdout.write(`${line}\n`);

const given = process.argv[4];
const folder = mkdtempSync(join(tmpdir(), 'flywheel-throughput-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
await using broker = given
  ? undefined
  : await startBrokerProcess({ folder, port: 0, log: silentLogger });
const brokers = broker ? [`${broker.host}:${broker.port}`] : (given ?? '').split(',');
await using bus = await openBus({ brokers, service: 'router', log: silentLogger });
const contract = aContract();
await bus.publish(contract, { key: 'warm', n: 0 });

const value = Buffer.alloc(bytes, 'x');
const messages = Array.from({ length: records }, (_, n) => ({
  id: `01920000-0000-7000-8000-${String(n).padStart(12, '0')}`,
  key: `key-${n % 1000}`,
  subject: `key-${n % 1000}`,
  value,
}));

for (const chunk of [1000, 10_000, records]) {
  const cpu = process.cpuUsage();
  const startedMs = performance.now();
  for (let from = 0; from < records; from += chunk)
    await bus.publishOpaque(contract, messages.slice(from, from + chunk));
  tell(`publishOpaque, calls of ${chunk}`, records, startedMs, cpu);
}

{
  const cpu = process.cpuUsage();
  const startedMs = performance.now();
  const items = Array.from({ length: records / 10 }, (_, n) => ({
    data: { key: `k${n % 100}`, n },
  }));
  await bus.publishAll(contract, items);
  tell('publishAll', items.length, startedMs, cpu);
}

{
  const total = [...(await bus.endOffsets(contract.topic.name)).values()].reduce(
    (a, b) => a + b,
    0n,
  );
  await using sink = await openBus({ brokers, service: 'sink', log: silentLogger });
  let seen = 0n;
  let resolve!: () => void;
  const done = new Promise<void>((resolving) => (resolve = resolving));
  sink.subscribeBatch(
    contract,
    async (batch) => {
      seen += BigInt(batch.length);
      if (seen >= total) resolve();
      await Promise.resolve();
    },
    { opaque: true },
  );
  const cpu = process.cpuUsage();
  const startedMs = performance.now();
  await sink.start();
  report(`joined after ${Math.round(performance.now() - startedMs)} ms`);
  await done;
  tell('subscribeBatch opaque', Number(total), startedMs, cpu);
}

function tell(what: string, count: number, startedMs: number, cpu: NodeJS.CpuUsage): void {
  const seconds = (performance.now() - startedMs) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  report(
    `${what}: ${Math.round(count / seconds).toLocaleString('en')} records/s (${seconds.toFixed(2)} s, ${(
      (user + system) /
      1e6
    ).toFixed(2)} s of CPU here)`,
  );
}
