import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError, newId, Scope, systemClock } from '@flywheel/core';
import type { Clock, Logger } from '@flywheel/core';
import { asyncApiText } from '@flywheel/contracts';
import type { Owner } from '@flywheel/contracts';
import { createHttpClient, createHttpServer, createPeers } from '@flywheel/http';
import type { HttpServer } from '@flywheel/http';
import type { Bus } from '@flywheel/kafka';
import { httpMetrics } from './red-metrics.ts';
import { createLogger } from './logger.ts';
import { lockDataFolder } from './data-folder-lock.ts';
import { MetricsRegistry } from './metrics.ts';
import { createPlatform } from './platform.ts';
import { platformConfig } from './platform-config.ts';
import type { PlatformConfig } from './platform-config.ts';
import { ProcessFailure } from './process-failure.ts';
import { readConfig } from './config.ts';
import type { Environment } from './config.ts';
import { startService } from './service-scope.ts';
import { startTracing } from './start-tracing.ts';
import { httpTracing } from './tracing.ts';
import type { Service } from './define-service.ts';

export type RunningProcess = AsyncDisposable & {
  readonly url: string;
  /** Where everything answers, for a person or a client. */
  readonly addresses: Readonly<Record<string, string>>;
  /** Rejects at the first failure of a background task, a consumer or an embedded server. */
  readonly failed: Promise<never>;
};

export type StartOptions = {
  environment: Environment;
  /** Overrides the logger that the environment asks for. */
  log?: Logger;
  clock?: Clock;
  /** Gives the start up: what has been started is closed again. */
  signal?: AbortSignal;
  /** For tests: also checks replies against their contracts, and that no transaction waits for itself. */
  isChecked?: boolean;
};

/** Reads the configuration of the platform and of every service at once. */
export function readProcessConfig(
  services: readonly Service[],
  environment: Environment,
): [PlatformConfig, ...unknown[]] {
  return readConfig(
    [platformConfig, ...services.map((service) => service.config)],
    environment,
  ) as [PlatformConfig, ...unknown[]];
}

/**
 * The one place where parts are put together: configuration, logger, platform, services in turn, and last the intake
 * (consumers, then the HTTP listener), which therefore closes first. What fails while it starts unwinds all of it.
 */
export async function startProcess(
  services: readonly Service[],
  options: StartOptions,
): Promise<RunningProcess> {
  const [config, ...serviceConfigs] = readProcessConfig(services, options.environment);
  const log = options.log ?? createLogger({ level: config.FLYWHEEL_LOG_LEVEL });
  const scope = new Scope();
  const stopping = new AbortController();
  const failure = new ProcessFailure(log, stopping.signal);
  const starting = open({
    services,
    config,
    serviceConfigs,
    options,
    log,
    scope,
    stopping,
    failure,
  });
  starting.catch(() => undefined); // it is told below, unless a part fails first
  try {
    const addresses = await Promise.race([starting, failure.failed, whenAborted(options.signal)]);
    return {
      url: addresses['http'] ?? '',
      addresses,
      failed: failure.failed,
      [Symbol.asyncDispose]: () => scope[Symbol.asyncDispose](),
    };
  } catch (error) {
    stopping.abort();
    // Sooner than a stop is forced, so that the reason can still be told.
    const withinMs = config.FLYWHEEL_STOP_WITHIN_MS * 0.8;
    await Promise.race([unwind(scope, log), delay(withinMs, undefined, { ref: false })]);
    throw error;
  }
}

type Opening = {
  services: readonly Service[];
  config: PlatformConfig;
  serviceConfigs: readonly unknown[];
  options: StartOptions;
  log: Logger;
  scope: Scope;
  stopping: AbortController;
  failure: ProcessFailure;
};

async function open(opening: Opening): Promise<Readonly<Record<string, string>>> {
  const { services, config, serviceConfigs, options, log, scope, stopping, failure } = opening;
  const clock = options.clock ?? systemClock;
  const names = services.map((service) => service.name);
  const { isChecked = false } = options;

  if (config.FLYWHEEL_PLATFORM === 'embedded')
    scope.use(await lockDataFolder(resolve(config.FLYWHEEL_DATA)));
  scope.use(await startTracing(options.environment, names.join('+')));
  const metrics = new MetricsRegistry();
  const platform = await createPlatform(config, log, scope, {
    checkNesting: isChecked,
    environment: options.environment,
  });
  failure.watch('platform', platform.failed);

  const http = scope.use(
    createHttpServer({
      log: log.child({ part: 'http' }),
      metrics: httpMetrics(metrics),
      tracing: httpTracing(),
      metricsText: () => metrics.text(),
      statusConfig: () => Object.assign({}, config, ...serviceConfigs) as object,
      allowedHosts: config.FLYWHEEL_HTTP_ALLOWED_HOSTS,
      checkReplies: isChecked,
    }),
  );
  let addresses: Readonly<Record<string, string>> = {};
  platformRoutes(http, () => addresses);
  const client = scope.use(
    createHttpClient({ log: log.child({ part: 'client' }), tracing: httpTracing() }),
  );
  const urlOf = (service: Owner) => config.FLYWHEEL_PEERS[service] ?? addresses['http'] ?? '';
  const peers = createPeers({ client, urlOf, local: http.local });

  const parts = {
    ...{ platform, log, clock, metrics, http, peers, urlOf, failure },
    instance: newId(clock.nowMs()),
    signal: stopping.signal,
  };
  const buses: Bus[] = [];
  for (const [index, service] of services.entries())
    buses.push(await startService(service, serviceConfigs[index], parts, scope.child()));

  await Promise.all(buses.map((bus) => bus.start()));
  scope.defer(() => closeIntake(http, buses, stopping));
  const host = config.FLYWHEEL_HTTP_HOST;
  const { port } = await http.listen({ port: config.FLYWHEEL_HTTP_PORT, host });
  const url = `http://${reachable(host)}:${port}`;
  addresses = { http: url, docs: `${url}/docs`, ...platform.addresses };
  writeFileSync(addressFile(config, names), JSON.stringify(addresses, null, 2));
  http.setReady(true);
  log.info({ ...addresses, services: names }, 'ready');
  return addresses;
}

/** Requests and events under way are finished while everything they need is still there. */
async function closeIntake(
  http: HttpServer,
  buses: readonly Bus[],
  stopping: AbortController,
): Promise<void> {
  http.drain();
  stopping.abort();
  await Promise.all([http[Symbol.asyncDispose](), ...buses.map((bus) => bus.stopIntake())]);
}

function platformRoutes(http: HttpServer, addresses: () => object): void {
  const common = { service: 'platform', method: 'GET', body: 'none' } as const;
  http.route({
    ...common,
    name: 'platform.addresses',
    summary: 'Tells where the platform answers',
    path: '/status/addresses',
    handler: () => ({ body: addresses() }),
  });
  http.route({
    ...common,
    name: 'platform.asyncapi',
    summary: 'All topics and events as AsyncAPI 3.0',
    path: '/asyncapi.json',
    handler: () => ({ headers: { 'content-type': 'application/json' }, body: asyncApiText() }),
  });
}

/** A host that a client on this machine can connect to. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

function addressFile(config: PlatformConfig, names: readonly string[]): string {
  const name =
    config.FLYWHEEL_PLATFORM === 'embedded'
      ? 'addresses.json'
      : `addresses-${names.join('-')}.json`;
  return join(resolve(config.FLYWHEEL_DATA), name);
}

function whenAborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise<never>((_, reject) => {
    const giveUp = () => reject(new AppError('cancelled', 'the start was given up'));
    if (signal?.aborted) giveUp();
    else signal?.addEventListener('abort', giveUp, { once: true });
  });
}

async function unwind(scope: Scope, log: Logger): Promise<void> {
  await scope[Symbol.asyncDispose]().catch((failure: unknown) => {
    log.warn({ err: failure }, 'could not close everything after a failed start');
  });
}
