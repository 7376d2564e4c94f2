import { markdownTable } from '@flywheel/core';
import type { BenchReport } from './run-bench.ts';
import { REST_LIMITS } from './rest.ts';
import { BARE } from './serving.ts';
import type { ServingRow } from './serving.ts';

/** The figures as tables for a person, and what was wrong. */
export function reportPage(report: BenchReport): string {
  const { machine, serving, chain, rest } = report;
  const sections = [
    `Node ${machine.node}, ${machine.cores} cores, load average before the run ${machine.loadAverage.toFixed(1)}; lap of ${rowsText(report.rows)} flights` +
      (report.lapSeconds === null ? '' : ` in ${report.lapSeconds.toFixed(0)} s`),
  ];
  if (serving.length > 0)
    sections.push(
      markdownTable([
        [
          'one row per request',
          'callers',
          'requests/s',
          'of Fastify and ONNX',
          'p50 ms',
          'p99 ms',
          'CPU µs per request',
        ],
        ...serving.map((row) => [
          row.what,
          String(row.callers),
          whole(row.perSecond),
          percent(row.perSecond, bareRate(serving, row.callers)),
          row.p50Ms.toFixed(2),
          row.p99Ms.toFixed(2),
          whole(row.cpuMicros),
        ]),
      ]),
    );
  if (chain.length > 0)
    sections.push(
      markdownTable([
        ['records', 'acknowledged/s', 'through/s', 'of kafkajs', 'CPU µs per record'],
        ...chain.map((row) => [
          row.what,
          whole(row.acknowledgedPerSecond),
          whole(row.throughPerSecond),
          percent(row.throughPerSecond, chain.at(-1)?.throughPerSecond),
          row.cpuMicros.toFixed(1),
        ]),
      ]),
    );
  if (rest.length > 0)
    sections.push(
      markdownTable([
        [
          'at rest',
          'processes',
          `MB (limit ${REST_LIMITS.pssMb})`,
          'MB, shared pages counted per process',
          `% of a core (limit ${REST_LIMITS.cpuPercent})`,
        ],
        ...rest.map((row) => [
          row.moment,
          String(row.processes),
          whole(row.pssMb),
          whole(row.rssMb),
          row.cpuPercent.toFixed(1),
        ]),
      ]),
    );
  sections.push(report.ok ? 'ok' : report.faults.map((fault) => `FAILED ${fault}`).join('\n'));
  return `${sections.join('\n\n')}\n`;
}

function bareRate(serving: readonly ServingRow[], callers: number): number | undefined {
  return serving.find((row) => row.what === BARE && row.callers === callers)?.perSecond;
}

function percent(part: number, whole: number | undefined): string {
  return whole === undefined ? '' : `${((part / whole) * 100).toFixed(1)} %`;
}

function rowsText(rows: number | 'all'): string {
  return rows === 'all' ? 'all' : whole(rows);
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
