import { availableParallelism, loadavg } from 'node:os';
import { AppError, silentLogger } from '@flywheel/core';
import { temporaryFolder } from '@flywheel/core/testing';
import { registry } from '@flywheel/contracts';
import { LapClient, createProgress, openPlatform, runLap } from '@flywheel/flywheel/testing';
import type { LapPlatform } from '@flywheel/flywheel/testing';
import { createHttpClient } from '@flywheel/http';
import { listenForSignals } from '@flywheel/runtime';
import type { Environment } from '@flywheel/runtime';
import { measureChain } from './chain.ts';
import type { ChainRow } from './chain.ts';
import type { Options, Part } from './options.ts';
import { findChild } from './process-tree.ts';
import { measureRest, restFaults } from './rest.ts';
import type { RestRow } from './rest.ts';
import { ENDPOINT, measureServing } from './serving.ts';
import type { ServingRow } from './serving.ts';

/** What every part needs. */
export type Bench = {
  platform: LapPlatform;
  /** Of the platform's first process. */
  pid: number;
  client: LapClient;
  /** For scratch files; the platform does not use it. */
  folder: string;
  note: (sentence: string) => void;
  /** Something was wrong, not only slow. */
  fault: (sentence: string) => void;
};

export type BenchReport = {
  ok: boolean;
  faults: string[];
  /** `loadAverage`: processes that wanted a core in the minute before the run; more than 0 is work of others. */
  machine: { node: string; cores: number; loadAverage: number };
  rows: number | 'all';
  lapSeconds: number | null;
  serving: ServingRow[];
  chain: ChainRow[];
  rest: RestRow[];
};

/** Starts a platform of its own, measures it, and stops it. A folder that holds a lap already is measured as it is. */
export async function runBench(options: Options, environment: Environment): Promise<BenchReport> {
  const [loadAverage = Number.NaN] = loadavg();
  using folder = temporaryFolder();
  using signals = listenForSignals(environment);
  const progress = createProgress({ output: process.stderr, live: false });
  await using platform = await openPlatform({
    environment: {
      FLYWHEEL_DATA: `${folder.path}/data`,
      FLYWHEEL_HTTP_PORT: '0',
      FLYWHEEL_KAFKA_PORT: '0',
      FLYWHEEL_SQL_PORT: '0',
      ...environment,
    },
    kind: 'embedded',
    fresh: false,
    report: (sentence) => progress.note(sentence),
    signal: signals.signal,
  });
  const pid = findChild(process.pid, 'apps/flywheel/src/main.ts');
  if (platform.kill === undefined || pid === undefined)
    throw new AppError('conflict', 'the bench starts a platform of its own: choose another port');
  await using http = createHttpClient({ log: silentLogger });
  const faults: string[] = [];
  const bench: Bench = {
    platform,
    pid,
    client: new LapClient(platform, http),
    folder: folder.path,
    note: (sentence) => progress.note(sentence),
    fault: (sentence) => faults.push(sentence),
  };
  const report: BenchReport = {
    ok: false,
    faults,
    machine: { node: process.version, cores: availableParallelism(), loadAverage },
    rows: options.rows,
    lapSeconds: null,
    serving: [],
    chain: [],
    rest: [],
  };
  const stopped = signals.first.then((signal) => {
    throw new AppError('cancelled', 'the bench was stopped', { details: { signal } });
  });
  await Promise.race([measure(bench, options, report), stopped]);
  faults.push(...restFaults(report.rest));
  report.ok = faults.length === 0;
  return report;
}

async function measure(bench: Bench, options: Options, report: BenchReport): Promise<void> {
  const wants = (...some: Part[]) => options.only === undefined || some.includes(options.only);
  const rest = async (moment: string) => {
    bench.note(`at rest ${moment}, ${options.restSeconds} s`);
    report.rest.push(await measureRest(bench.pid, moment, options.restSeconds));
  };
  if (wants('rest', 'serving', 'bare')) {
    if (!(await holdsLap(bench))) {
      if (wants('rest')) await rest('before the lap');
      report.lapSeconds = await turnLap(bench, options.rows);
    }
    if (wants('rest')) await rest('after the lap');
  }
  if (wants('serving', 'bare')) report.serving = await measureServing(bench, options);
  if (wants('chain', 'bare')) report.chain = await measureChain(bench, options);
}

async function holdsLap({ client }: Bench): Promise<boolean> {
  const { endpoints } = await client.call(registry.listEndpoints, {});
  return endpoints.some(({ endpoint }) => endpoint === ENDPOINT);
}

async function turnLap({ platform }: Bench, rows: number | 'all'): Promise<number> {
  const progress = createProgress({ output: process.stderr, live: false });
  const { ok, seconds, steps } = await runLap({ platform, rows, progress });
  if (!ok) throw new Error(`the lap failed: ${JSON.stringify(steps.at(-1))}`);
  return seconds;
}
