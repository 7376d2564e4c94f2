import { execFile } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Owner } from '@flywheel/contracts';
import { AppError, Scope } from '@flywheel/core';
import { explain, lockDataFolder } from '@flywheel/runtime';
import type { Environment } from '@flywheel/runtime';
import { startChildService } from './child-service.ts';
import type { ChildService } from './child-service.ts';
import type { LapPlatform } from './open-platform.ts';

const names: readonly Owner[] = [
  'ingestion',
  'feature-store',
  'tracking',
  'registry',
  'trainer',
  'router',
  'monitor',
];
const needed = [
  'KAFKA_BROKERS',
  'DATABASE_URL',
  'REDIS_URL',
  'S3_ENDPOINT',
  'S3_BUCKET',
  'S3_ACCESS_KEY_ID',
  'S3_SECRET_ACCESS_KEY',
];
const RESTART_AFTER_MS = 500;
const repository = fileURLToPath(new URL('../../../../', import.meta.url));

/**
 * One process per service on real servers: those the environment names, else those of `npm run servers`. A service that
 * ends is started again, as an orchestrator would.
 */
export async function startDistributed(options: {
  environment: Environment;
  data: string;
  report: (sentence: string) => void;
  signal: AbortSignal;
}): Promise<LapPlatform> {
  const servers = await serverEnvironment(options.environment);
  const ports = await freePorts(names.length);
  const urls = new Map(names.map((name, index) => [name, `http://127.0.0.1:${ports[index] ?? 0}`]));
  const peers = [...urls].map(([name, url]) => `${name}=${url}`).join(',');

  const scope = new Scope();
  scope.use(await lockDataFolder(options.data));
  options.report(
    `starts one process per service on ${servers['KAFKA_BROKERS'] ?? ''} and its neighbours`,
  );
  const stopping = new AbortController();
  const signal = AbortSignal.any([options.signal, stopping.signal]);
  const children = new Map<Owner, ChildService>();
  const starts: Promise<void>[] = [];
  const start = (name: Owner) => {
    const started = startService(name);
    starts.push(started);
    return started;
  };
  const startService = async (name: Owner) => {
    const url = urls.get(name) ?? '';
    const child = await startChildService({
      name,
      main: join(repository, 'apps', name, 'src', 'main.ts'),
      environment: {
        ...options.environment,
        ...servers,
        FLYWHEEL_PLATFORM: 'distributed',
        FLYWHEEL_HTTP_PORT: new URL(url).port,
        FLYWHEEL_PEERS: peers,
        FLYWHEEL_DATA: join(options.data, 'distributed', name),
      },
      logFile: join(options.data, 'distributed', `${name}.log`),
      url,
      signal,
    });
    children.set(name, child);
  };
  const supervise = async (name: Owner) => {
    for (;;) {
      const child = children.get(name);
      await child?.exited;
      await delay(RESTART_AFTER_MS, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      options.report(`starts ${name} again, which had ended (${child?.lastWords() ?? ''})`);
      await start(name).catch((error: unknown) => {
        if (!signal.aborted) options.report(explain(error));
      });
    }
  };
  scope.defer(async () => {
    stopping.abort();
    await Promise.allSettled(starts);
    await Promise.all([...children.values()].map((child) => child[Symbol.asyncDispose]()));
  });
  try {
    // The first creates the topics; the others start together.
    const [first, ...others] = names;
    if (first) await start(first);
    await Promise.all(others.map(start));
  } catch (error) {
    await scope[Symbol.asyncDispose]();
    throw error;
  }
  for (const name of names) void supervise(name);
  return {
    kind: 'distributed',
    brokers: (servers['KAFKA_BROKERS'] ?? '').split(','),
    addresses: { ...Object.fromEntries(urls), kafka: servers['KAFKA_BROKERS'] ?? '' },
    folder: join(options.data, 'lap'),
    urlOf: (service) => urls.get(service) ?? '',
    killService: async (service) => children.get(service)?.kill('process'),
    [Symbol.asyncDispose]: () => scope[Symbol.asyncDispose](),
  };
}

async function serverEnvironment(environment: Environment): Promise<Record<string, string>> {
  if (needed.every((name) => environment[name]))
    return Object.fromEntries(needed.map((name) => [name, environment[name] ?? '']));
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [
      '--import',
      import.meta.resolve('tsx'),
      join(repository, 'tools', 'servers', 'main.ts'),
      'env',
    ],
    { env: { ...environment } },
  );
  const found = Object.fromEntries(
    stdout
      .split('\n')
      .map((line) => /^(?:export )?([A-Z0-9_]+)=(.*)$/.exec(line.trim()))
      .filter((match) => match !== null)
      .map((match) => [match[1] ?? '', (match[2] ?? '').replace(/^'(.*)'$/, '$1')]),
  );
  const missing = needed.filter((name) => !found[name]);
  if (missing.length > 0)
    throw new AppError(
      'unavailable',
      `the servers do not run (${missing.join(', ')} unknown): start them with npm run servers`,
    );
  return found;
}

/** Ports that were free a moment ago. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  });
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
