import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { newId, Scope, systemClock } from '@flywheel/core';
import type { Clock, Logger } from '@flywheel/core';
import { deadLetterTopic, topics } from '@flywheel/contracts';
import type { Owner } from '@flywheel/contracts';
import { createHttpClient, createHttpServer, createPeers } from '@flywheel/http';
import { openBus } from '@flywheel/kafka';
import type { Bus } from '@flywheel/kafka';
import { busMetrics, httpMetrics } from './red-metrics.ts';
import { createLogger } from './logger.ts';
import { lockDataFolder } from './data-folder-lock.ts';
import { MetricsRegistry } from './metrics.ts';
import { createPlatform } from './platform.ts';
import { platformConfig } from './platform-config.ts';
import type { PlatformConfig } from './platform-config.ts';
import { readConfig } from './config.ts';
import type { Environment } from './config.ts';
import { parsePeers } from './peer-addresses.ts';
import { startTracing } from './start-tracing.ts';
import { busTracing, httpTracing } from './tracing.ts';
import type { Service, ServiceContext } from './define-service.ts';

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
 * (consumers, then the HTTP listener), which therefore closes first.
 */
export async function startProcess(
  services: readonly Service[],
  options: StartOptions,
): Promise<RunningProcess> {
  const [config, ...serviceConfigs] = readProcessConfig(services, options.environment);
  const log = options.log ?? createLogger({ level: config.FLYWHEEL_LOG_LEVEL });
  const clock = options.clock ?? systemClock;
  const scope = new Scope();
  try {
    const stopping = new AbortController();
    let reject: (error: unknown) => void = () => undefined;
    const failed = new Promise<never>((_, rejectFailed) => {
      reject = rejectFailed;
    });
    failed.catch(() => undefined); // whoever awaits `failed` is told; nobody awaiting it is no error
    const fail = (part: string) => (error: unknown) => {
      if (stopping.signal.aborted) return;
      log.error({ err: error, part }, 'a part of the process failed');
      reject(error);
    };

    if (config.FLYWHEEL_PLATFORM === 'embedded')
      scope.use(await lockDataFolder(resolve(config.FLYWHEEL_DATA)));
    scope.use(
      await startTracing(options.environment, services.map((service) => service.name).join('+')),
    );
    const metrics = new MetricsRegistry();
    const platform = await createPlatform(config, log, scope);
    platform.failed.catch(fail('platform'));

    const http = scope.use(
      createHttpServer({
        log: log.child({ part: 'http' }),
        metrics: httpMetrics(metrics),
        tracing: httpTracing(),
        metricsText: () => metrics.text(),
        statusConfig: () => Object.assign({}, config, ...serviceConfigs) as object,
      }),
    );
    let addresses: Readonly<Record<string, string>> = {};
    http.route({
      service: 'platform',
      name: 'platform.addresses',
      summary: 'Tells where the platform answers',
      method: 'GET',
      path: '/status/addresses',
      body: 'none',
      handler: () => ({ body: addresses }),
    });
    const remote = parsePeers(config.FLYWHEEL_PEERS);
    let url = '';
    const urlOf = (service: Owner) => remote.get(service) ?? url;
    const client = scope.use(
      createHttpClient({ log: log.child({ part: 'client' }), tracing: httpTracing() }),
    );
    const peers = createPeers({ client, urlOf, local: http.local });

    const buses: Bus[] = [];
    const instance = newId(clock.nowMs());
    for (const [index, service] of services.entries()) {
      const serviceLog = log.child({ service: service.name });
      const child = scope.child();
      const bus = child.use(
        await openBus({
          brokers: platform.brokers,
          service: service.name,
          log: serviceLog,
          clock,
          metrics: busMetrics(metrics, service.name),
          tracing: busTracing(),
        }),
      );
      if (index === 0) await bus.ensureTopics(Object.values(topics));
      await bus.ensureTopics([deadLetterTopic(service.name)]);
      bus.failed.catch(fail(`${service.name} bus`));
      buses.push(bus);
      const context: ServiceContext<unknown> = {
        config: serviceConfigs[index],
        log: serviceLog,
        clock,
        scope: child,
        signal: stopping.signal,
        instance,
        bus,
        http,
        peers,
        urlOf,
        openSql: async (migrations) =>
          child.use(
            await platform.openSql(service.name.replaceAll('-', '_'), migrations, serviceLog),
          ),
        openOnlineStore: async () =>
          child.use(await platform.openOnlineStore(service.name, serviceLog)),
        objects: platform.objects.scoped(service.name),
        publicObjects: platform.objects,
        openAnalytics: (limits) =>
          platform.openAnalytics({ ...limits, folder: platform.folderOf(service.name) }),
        metrics,
        folder: platform.folderOf(service.name),
        spawn: (name, work) => void work.catch(fail(`${service.name} ${name}`)),
      };
      await service.start(context);
    }

    for (const bus of buses) await bus.start();
    scope.defer(async () => {
      http.drain();
      stopping.abort();
      await Promise.all(buses.map((bus) => bus.stopIntake()));
    });
    const { port } = await http.listen({
      port: config.FLYWHEEL_HTTP_PORT,
      host: config.FLYWHEEL_HTTP_HOST,
    });
    url = `http://${config.FLYWHEEL_HTTP_HOST}:${port}`;
    http.setReady(true);

    addresses = { http: url, docs: `${url}/docs`, ...platform.addresses };
    writeFileSync(
      join(resolve(config.FLYWHEEL_DATA), addressFile(config, services)),
      JSON.stringify(addresses, null, 2),
    );
    log.info({ ...addresses, services: services.map((service) => service.name) }, 'ready');
    return {
      url,
      addresses,
      failed,
      [Symbol.asyncDispose]: () => scope[Symbol.asyncDispose](),
    };
  } catch (error) {
    await scope[Symbol.asyncDispose]().catch((failure: unknown) => {
      log.warn({ err: failure }, 'could not close everything after a failed start');
    });
    throw error;
  }
}

function addressFile(config: PlatformConfig, services: readonly Service[]): string {
  if (config.FLYWHEEL_PLATFORM === 'embedded') return 'addresses.json';
  return `addresses-${services.map((service) => service.name).join('-')}.json`;
}
