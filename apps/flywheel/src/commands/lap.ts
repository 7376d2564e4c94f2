import { parseArgs } from 'node:util';
import { AppError } from '@flywheel/core';
import { exitCodes } from '@flywheel/runtime';
import type { Environment } from '@flywheel/runtime';
import { runLap } from '../lap/run-lap.ts';
import { factsPage } from '../lap/facts-page.ts';
import { createProgress } from '../lap/progress.ts';
import { openPlatform } from '../platform/open-platform.ts';

const DEFAULT_ROWS = 300_000;

/** Turns one lap, on the platform that runs on the configured port or on one of its own. */
export async function lap(words: readonly string[], environment: Environment): Promise<number> {
  const { values } = parseArgs({
    args: [...words],
    options: {
      rows: { type: 'string' },
      fresh: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      distributed: { type: 'boolean', default: false },
    },
  });
  const rows = parseRows(values.rows);
  const progress = createProgress({
    output: process.stderr,
    live: process.stderr.isTTY && !values.json,
  });
  await using platform = await openPlatform({
    environment,
    fresh: values.fresh,
    kind: values.distributed ? 'distributed' : 'embedded',
    report: (sentence) => progress.note(sentence),
  });
  const report = await runLap({ platform, rows, progress });
  process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : factsPage(report));
  return report.ok ? exitCodes.ok : exitCodes.failure;
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
