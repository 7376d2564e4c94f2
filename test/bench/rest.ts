import { setTimeout as delay } from 'node:timers/promises';
import { treeUsage } from './process-tree.ts';

export type RestRow = {
  moment: string;
  processes: number;
  pssMb: number;
  rssMb: number;
  cpuPercent: number;
};

export const REST_LIMITS = { pssMb: 900, cpuPercent: 3 };
const SETTLE_MS = 10_000;

/** All processes of the platform while nobody asks anything of it. */
export async function measureRest(pid: number, moment: string, seconds: number): Promise<RestRow> {
  await delay(SETTLE_MS);
  const before = treeUsage(pid);
  await delay(seconds * 1000);
  const { cpuSeconds, ...after } = treeUsage(pid);
  return { moment, ...after, cpuPercent: ((cpuSeconds - before.cpuSeconds) / seconds) * 100 };
}

/** What is over the limits, in words. */
export function restFaults(rows: readonly RestRow[]): string[] {
  return rows.flatMap(({ moment, pssMb, cpuPercent }) => [
    ...(pssMb < REST_LIMITS.pssMb ? [] : [`at rest ${moment}: ${pssMb} MB`]),
    ...(cpuPercent < REST_LIMITS.cpuPercent
      ? []
      : [`at rest ${moment}: ${cpuPercent.toFixed(1)} % of a core`]),
  ]);
}
