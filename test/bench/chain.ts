import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newId } from '@flywheel/core';
import { ingestion } from '@flywheel/contracts';
import { FlightData } from '@flywheel/flywheel/testing';
import { startBare } from './bare/start-bare.ts';
import { medians } from './medians.ts';
import type { Options } from './options.ts';
import { treeUsage } from './process-tree.ts';
import type { Bench } from './run-bench.ts';

/** Medians over the rounds. */
export type ChainRow = {
  what: string;
  acknowledgedPerSecond: number;
  throughPerSecond: number;
  cpuMicros: number;
};

type Keyed = { key: string; value: string };

const BATCH = 5000;
const CALLERS = 4;

/** NDJSON over HTTP to the log and on to the lake, beside kafkajs alone on the same broker, in turns. */
export async function measureChain(bench: Bench, options: Options): Promise<ChainRow[]> {
  const batches = await someBatches(bench, options.records);
  const file = join(bench.folder, 'batches.json');
  writeFileSync(file, JSON.stringify({ batches }));
  const measured: ChainRow[] = [];
  for (let round = 1; round <= options.rounds; round++) {
    bench.note(`chain, round ${round} of ${options.rounds}`);
    if (options.only !== 'bare') measured.push(await throughThePlatform(bench, batches));
    measured.push(await kafkajsAlone(bench, file, options.records));
  }
  return medians(measured, ({ what }) => what);
}

async function someBatches({ folder }: Bench, count: number): Promise<Keyed[][]> {
  await using data = await FlightData.open(20_000, folder);
  const flights: Record<string, unknown>[] = [];
  for await (const batch of data.records('june', BATCH)) flights.push(...batch);
  const records = Array.from({ length: count }, (_, id) => {
    const flight = flights[id % flights.length]!;
    return { key: String(flight['origin']), value: JSON.stringify({ ...flight, id }) };
  });
  return Array.from({ length: Math.ceil(count / BATCH) }, (_, batch) =>
    records.slice(batch * BATCH, (batch + 1) * BATCH),
  );
}

async function throughThePlatform(bench: Bench, batches: readonly Keyed[][]): Promise<ChainRow> {
  const { client, pid } = bench;
  const dataset = `bench-${newId()}`;
  const bodies = batches.map((batch) => batch.map(({ value }) => value).join('\n'));
  const sent = batches.flat().length;
  const before = treeUsage(pid);
  const startedMs = performance.now();
  let next = 0;
  let accepted = 0;
  const send = async () => {
    for (let index = next++; index < bodies.length; index = next++) {
      const answer = await client.sendRecords(
        dataset,
        { contentType: 'application/x-ndjson', text: bodies[index]! },
        { key: 'origin', idempotencyKey: `${dataset}-${index}` },
      );
      accepted += answer.accepted;
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, send));
  const acknowledgedMs = performance.now() - startedMs;
  const snapshot = await client.call(
    ingestion.createSnapshot,
    { params: { dataset } },
    { timeoutMs: 300_000 },
  );
  const throughMs = performance.now() - startedMs;
  const cpuSeconds = treeUsage(pid).cpuSeconds - before.cpuSeconds;
  const { lake } = await client.call(ingestion.getDataset, { params: { dataset } });
  if (accepted !== sent || snapshot.records !== sent || lake.records !== sent)
    bench.fault(
      `of ${sent} records ${accepted} were accepted, ${snapshot.records} pinned, ${lake.records} in the lake`,
    );
  return {
    what: 'NDJSON over HTTP, log, lake',
    acknowledgedPerSecond: (sent / acknowledgedMs) * 1000,
    throughPerSecond: (sent / throughMs) * 1000,
    cpuMicros: (cpuSeconds / sent) * 1e6,
  };
}

async function kafkajsAlone(bench: Bench, file: string, sent: number): Promise<ChainRow> {
  const before = treeUsage(bench.pid);
  await using bare = await startBare('kafka', [
    bench.platform.brokers[0]!,
    `bench-${newId()}`,
    file,
  ]);
  const told = bare.told as {
    records: number;
    acknowledgedSeconds: number;
    throughSeconds: number;
    cpuSeconds: number;
  }; // written by ./bare/kafka.ts
  const cpuSeconds = treeUsage(bench.pid).cpuSeconds - before.cpuSeconds + told.cpuSeconds;
  if (told.records !== sent) bench.fault(`kafkajs read ${told.records} of ${sent} records`);
  return {
    what: 'kafkajs alone: produce, consume',
    acknowledgedPerSecond: sent / told.acknowledgedSeconds,
    throughPerSecond: sent / told.throughSeconds,
    cpuMicros: (cpuSeconds / sent) * 1e6,
  };
}
