import { AppError } from '@flywheel/core';
import { router, topics } from '@flywheel/contracts';
import type { Bus } from '@flywheel/kafka';
import type { ServiceContext } from '@flywheel/runtime';
import type { EndpointCounts } from '../answering/endpoint-counts.ts';
import type { PredictionLog } from '../logging/prediction-log.ts';
import type { RouteTable } from '../routing/route-table.ts';
import type { ShadowBooks } from '../shadows/shadow-books.ts';
import { ShadowRunner } from '../shadows/shadow-runner.ts';

type Parts = {
  bus: Bus;
  table: RouteTable;
  counts: EndpointCounts;
  predictionLog: PredictionLog;
  books: ShadowBooks;
};

/** A look inside a running endpoint. */
export function endpointStatusRoute(
  http: ServiceContext<unknown>['http'],
  { bus, table, counts, predictionLog, books }: Parts,
): void {
  http.operation(router.getEndpointStatus, async ({ params }) => {
    const newest = table.newest(params.endpoint);
    if (!newest)
      throw new AppError('not_found', 'there is no such endpoint', {
        details: { endpoint: params.endpoint },
      });
    const route = table.find(params.endpoint);
    const serving = route?.deployment ?? newest;
    const ends = await bus.endOffsets(topics.inferencePredictions.name);
    const shadowLag = shadowLagOf(bus, ends);
    return {
      endpoint: params.endpoint,
      revision: serving.revision,
      ready: route !== undefined && serving.revision === newest.revision,
      variants: serving.variants.map(({ name, role, model, version, weight }) => ({
        name,
        role,
        model,
        version,
        weight,
        loaded: role === 'shadow' || route?.models.has(name) === true,
      })),
      ...counts.of(params.endpoint),
      log: predictionLog.stats(),
      shadows: await books.of(params.endpoint),
      shadowLag,
    };
  });
}

function shadowLagOf(bus: Bus, ends: ReadonlyMap<number, bigint>): number {
  let lag = 0n;
  const positions = new Map(
    bus
      .positions()
      .filter(
        (position) =>
          position.group === ShadowRunner.group &&
          position.topic === topics.inferencePredictions.name,
      )
      .map((position) => [position.partition, position.position]),
  );
  for (const [partition, end] of ends) lag += end - (positions.get(partition) ?? 0n);
  return Number(lag);
}
