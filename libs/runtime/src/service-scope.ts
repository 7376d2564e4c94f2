import type { Clock, Logger, Scope } from '@flywheel/core';
import { deadLetterTopic, topics } from '@flywheel/contracts';
import type { Owner } from '@flywheel/contracts';
import type { Peers } from '@flywheel/http';
import { openBus } from '@flywheel/kafka';
import type { Bus } from '@flywheel/kafka';
import { busMetrics } from './red-metrics.ts';
import type { Service, ServiceContext } from './define-service.ts';
import type { MetricsRegistry } from './metrics.ts';
import type { Platform } from './platform.ts';
import type { ProcessFailure } from './process-failure.ts';
import { busTracing } from './tracing.ts';

/** What all services of a process share. */
export type ProcessParts = {
  readonly platform: Platform;
  readonly log: Logger;
  readonly clock: Clock;
  readonly metrics: MetricsRegistry;
  readonly http: ServiceContext<unknown>['http'];
  readonly peers: Peers;
  readonly urlOf: (service: Owner) => string;
  readonly instance: string;
  readonly signal: AbortSignal;
  readonly failure: ProcessFailure;
};

/** Starts a service with a bus and whatever it asks for, all of it owned by `scope`; gives the bus, its intake still closed. */
export async function startService(
  service: Service,
  config: unknown,
  parts: ProcessParts,
  scope: Scope,
): Promise<Bus> {
  const { platform, clock, metrics, failure } = parts;
  const log = parts.log.child({ service: service.name });
  const bus = scope.use(
    await openBus({
      brokers: platform.brokers,
      service: service.name,
      log,
      clock,
      metrics: busMetrics(metrics, service.name),
      tracing: busTracing(),
      ...(platform.brokerSecurity === undefined ? {} : { security: platform.brokerSecurity }),
    }),
  );
  await bus.ensureTopics([...Object.values(topics), deadLetterTopic(service.name)]);
  failure.watch(`${service.name} bus`, bus.failed);
  await service.start({
    config,
    log,
    clock,
    scope,
    signal: parts.signal,
    instance: parts.instance,
    bus,
    http: parts.http,
    peers: parts.peers,
    urlOf: parts.urlOf,
    openSql: async (migrations) =>
      scope.use(await platform.openSql(service.name.replaceAll('-', '_'), migrations, log)),
    openOnlineStore: async () => scope.use(await platform.openOnlineStore(service.name, log)),
    objects: platform.objects.scoped(service.name),
    publicObjects: platform.objects,
    openAnalytics: (limits) =>
      platform.openAnalytics({ ...limits, folder: platform.folderOf(service.name) }),
    metrics,
    folder: platform.folderOf(service.name),
    spawn: (name, work) => {
      failure.watch(`${service.name} ${name}`, work);
      awaitAtClose(scope, work);
    },
  });
  return bus;
}

/** What works in the background must have ended before what it works with is closed. */
function awaitAtClose(scope: Scope, work: Promise<unknown>): void {
  if (scope.isClosing) return;
  const life = scope.child();
  const ended = work.then(
    () => undefined,
    () => undefined, // its failure was told already
  );
  life.defer(() => ended);
  void ended.then(() => life[Symbol.asyncDispose]());
}
