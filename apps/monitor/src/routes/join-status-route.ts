import { monitor, topics } from '@flywheel/contracts';
import type { Bus } from '@flywheel/kafka';
import type { ServiceContext } from '@flywheel/runtime';
import type { Cases } from '../cases/cases.ts';
import type { LabelledWaiters } from '../cases/labelled-waiters.ts';

const joined: ReadonlySet<string> = new Set([
  topics.inferencePredictions.name,
  topics.inferenceFeedback.name,
  topics.inferenceShadows.name,
]);

/** How many predictions have met their outcome, and how far the monitor has read. */
export function joinStatusRoute(
  http: ServiceContext<unknown>['http'],
  { cases, waiters, bus }: { cases: Cases; waiters: LabelledWaiters; bus: Bus },
): void {
  http.operation(monitor.getJoinStatus, async ({ params, query }) => {
    const deadlineMs = performance.now() + query.waitMs;
    let seen = waiters.wakes(params.endpoint);
    let counts = await cases.counts(params.endpoint);
    while (counts.labelled < query.labelled && performance.now() < deadlineMs) {
      await waiters.wait(params.endpoint, seen, deadlineMs - performance.now());
      seen = waiters.wakes(params.endpoint);
      counts = await cases.counts(params.endpoint);
    }
    return {
      ...counts,
      streams: bus
        .positions()
        .filter((position) => joined.has(position.topic))
        .map(({ topic, partition, position, end }) => ({
          topic,
          partition,
          position: String(position),
          end: String(end),
        })),
    };
  });
}
