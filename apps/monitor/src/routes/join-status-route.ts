import { monitor, topics } from '@flywheel/contracts';
import type { Bus } from '@flywheel/kafka';
import type { ServiceContext } from '@flywheel/runtime';
import type { Cases } from '../cases/cases.ts';

const joined: readonly string[] = [
  topics.inferencePredictions.name,
  topics.inferenceFeedback.name,
  topics.inferenceShadows.name,
];

/** How many predictions have met their outcome, and how far the monitor has read. */
export function joinStatusRoute(
  http: ServiceContext<unknown>['http'],
  { cases, bus }: { cases: Pick<Cases, 'counts'>; bus: Pick<Bus, 'positions' | 'moved'> },
): void {
  const streams = () => bus.positions().filter(({ topic }) => joined.includes(topic));
  const progress = () => streams().reduce((sum, { position }) => sum + position, 0n);
  // Labels are counted before their outcomes are told; a position moves after both.
  const isTold = () =>
    streams().every(
      ({ topic, position, end }) => topic !== topics.inferenceFeedback.name || position >= end,
    );

  http.operation(monitor.getJoinStatus, async ({ params, query }) => {
    const deadlineMs = performance.now() + query.waitMs;
    const isLate = () => performance.now() >= deadlineMs;
    for (;;) {
      const seen = progress();
      const counts = await cases.counts(params.endpoint);
      if (isLate() || (counts.labelled >= query.labelled && isTold()))
        return {
          ...counts,
          streams: streams().map(({ topic, partition, position, end }) => ({
            topic,
            partition,
            position: String(position),
            end: String(end),
          })),
        };
      do await bus.moved(deadlineMs - performance.now());
      while (!isLate() && (progress() === seen || !isTold()));
    }
  });
}
