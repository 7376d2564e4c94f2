import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { lastLines } from './command.ts';
import { isPortFree } from './port.ts';
import { isAlive } from './processes.ts';
import type { Report, Server } from './server.ts';
import { sentence, waitUntil } from './wait.ts';

export type Started = { readonly kind: 'already running' | 'started'; readonly pid: number };

/**
 * Brings one server up and returns when it is healthy: leaves a healthy one alone, replaces one that no longer
 * answers, and tries again when a process dies early (a predecessor killed a moment ago may still hold its data).
 */
export async function startServer(
  server: Server,
  options: { withinMs: number; portWithinMs?: number; report: Report },
): Promise<Started> {
  const running = server.pid();
  if (running !== undefined && (await becomesHealthy(server, running, options.withinMs)))
    return { kind: 'already running', pid: running };
  await server.stop();
  await needFreePort(server, options.portWithinMs ?? 10_000);
  await server.install(options.report);
  const deadlineMs = performance.now() + options.withinMs;
  for (let attempt = 1; ; attempt++) {
    const pid = await server.start();
    try {
      await waitHealthy(server, pid, deadlineMs - performance.now());
      return { kind: 'started', pid };
    } catch (error) {
      const isLast = attempt === 4 || performance.now() >= deadlineMs;
      if (isLast) throw new Error(explain(server, error), { cause: error });
      await server.stop();
      await delay(1000 * attempt);
    }
  }
}

class DiedEarly extends Error {}

async function waitHealthy(server: Server, pid: number, withinMs: number): Promise<void> {
  let death: DiedEarly | undefined;
  await waitUntil(
    async () => {
      // A dead process ends the waiting at once: nothing will become of it.
      if (!isAlive(pid)) death = new DiedEarly('the process ended while it was starting');
      if (death === undefined) await server.healthy();
    },
    { withinMs },
  );
  if (death !== undefined) throw death;
}

/** Healthy now, or soon when somebody else has only just started it. */
async function becomesHealthy(server: Server, pid: number, withinMs: number): Promise<boolean> {
  try {
    await waitHealthy(server, pid, Math.min(withinMs, 60_000));
    return true;
  } catch {
    return false;
  }
}

async function needFreePort(server: Server, withinMs: number): Promise<void> {
  const port = Number(server.address.split(':').at(-1));
  const variable = `FLYWHEEL_SERVER_${server.name.toUpperCase()}_PORT`;
  await waitUntil(
    async () => {
      if (!(await isPortFree(port)))
        throw new Error(
          `port ${port} is in use by another process: end that one or set ${variable} to a free port`,
        );
    },
    { withinMs },
  );
}

function explain(server: Server, error: unknown): string {
  const log = existsSync(server.logFile) ? readFileSync(server.logFile, 'utf8') : '';
  return `${server.version()} did not become healthy: ${sentence(error)}; the end of ${server.logFile}:\n${lastLines(log, 12)}`;
}
