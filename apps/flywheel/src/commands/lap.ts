import { parseArgs } from 'node:util';
import { AppError } from '@flywheel/core';
import { exitCodes, listenForSignals } from '@flywheel/runtime';
import type { Environment, Signals } from '@flywheel/runtime';
import { runLap } from '../lap/run-lap.ts';
import { factsPage } from '../lap/facts-page.ts';
import { createProgress } from '../lap/progress.ts';
import { openPlatform } from '../platform/open-platform.ts';

const DEFAULT_ROWS = 300_000;

/** Turns one lap, on the platform that runs on the configured port or on one of its own; a signal stops both. */
export async function lap(words: readonly string[], environment: Environment): Promise<number> {
  const options = parseOptions(words);
  using signals = listenForSignals(environment);
  try {
    return await turn(options, environment, signals);
  } catch (error) {
    if (!signals.signal.aborted) throw error;
    process.stderr.write(`The lap was stopped (${await signals.first}).\n`);
    return process.exit(exitCodes.failure); // what the lap still waits for ends with the process
  }
}

type LapOptions = ReturnType<typeof parseOptions>;

async function turn(
  options: LapOptions,
  environment: Environment,
  { first, signal }: Signals,
): Promise<number> {
  const progress = createProgress({
    output: process.stderr,
    live: process.stderr.isTTY && !options.json,
  });
  await using platform = await openPlatform({
    environment,
    fresh: options.fresh,
    kind: options.distributed ? 'distributed' : 'embedded',
    report: (sentence) => progress.note(sentence),
    signal,
  });
  const stopped = first.then((name) => {
    throw new AppError('cancelled', 'the lap was stopped', { details: { signal: name } });
  });
  const report = await Promise.race([runLap({ platform, rows: options.rows, progress }), stopped]);
  process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : factsPage(report));
  return report.ok ? exitCodes.ok : exitCodes.failure;
}

function parseOptions(words: readonly string[]) {
  const { values } = parseArgs({
    args: [...words],
    options: {
      rows: { type: 'string' },
      fresh: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      distributed: { type: 'boolean', default: false },
    },
  });
  return { ...values, rows: parseRows(values.rows) };
}

function parseRows(text: string | undefined): number | 'all' {
  if (text === undefined) return DEFAULT_ROWS;
  if (text === 'all') return 'all';
  const rows = Number(text);
  if (Number.isInteger(rows) && rows >= 20_000) return rows;
  throw new AppError(
    'invalid_argument',
    '--rows must be "all" or a whole number of at least 20000',
  );
}
