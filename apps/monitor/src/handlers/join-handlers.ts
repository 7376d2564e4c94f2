import { monitor } from '@flywheel/contracts';
import type { EventData, router } from '@flywheel/contracts';
import type { Bus, ReceivedEvent } from '@flywheel/kafka';
import type { Cases } from '../cases/cases.ts';
import type { MonitorMetrics } from '../metrics.ts';

type Parts = {
  cases: Cases;
  bus: Pick<Bus, 'publishAll'>;
  metrics: MonitorMetrics;
};
type Events<Contract> = readonly ReceivedEvent<EventData<Contract>>[];

const BATCH = 50;

/** Predictions are kept; those whose feedback came first give their outcomes. */
export function onPredictionsLogged(parts: Parts) {
  return async (events: Events<typeof router.predictionsLogged>): Promise<void> => {
    for (const [endpoint, group] of byEndpoint(events, (event) => event.data.endpoint)) {
      const features =
        group.findLast((event) => event.data.features.length > 0)?.data.features ?? [];
      const predictions = group.flatMap((event) => event.data.predictions);
      await publish(parts, await parts.cases.addPredictions(endpoint, features, predictions));
      parts.metrics.predictions.add(predictions.length, { endpoint });
    }
  };
}

/** Feedback meets its prediction, or waits for it. What is joined is told again when a batch is repeated, under the same ids. */
export function onFeedbackReceived(parts: Parts) {
  return async (events: Events<typeof router.feedbackReceived>): Promise<void> => {
    for (const [endpoint, group] of byEndpoint(events, (event) => event.data.endpoint)) {
      await publish(parts, await parts.cases.addFeedback(group));
      parts.metrics.labels.add(group.length, { endpoint });
    }
  };
}

export function onShadowPredictionsLogged({ cases }: Parts) {
  return async (events: Events<typeof router.shadowPredictionsLogged>): Promise<void> => {
    for (const [endpoint, group] of byEndpoint(events, (event) => event.data.endpoint))
      await cases.addShadows(
        endpoint,
        group.flatMap((event) => event.data.predictions),
      );
  };
}

/** Ids are those of the joined things, so that receivers know a repetition. */
async function publish({ bus }: Parts, outcomes: readonly monitor.Outcome[]): Promise<void> {
  const items = [];
  for (let start = 0; start < outcomes.length; start += BATCH) {
    const batch = outcomes.slice(start, start + BATCH);
    const [first] = batch;
    if (first)
      items.push({
        data: { endpoint: first.endpoint, outcomes: batch },
        id: `${first.prediction}@${first.revision}+${batch.length}`,
      });
  }
  if (items.length > 0) await bus.publishAll(monitor.outcomesJoined, items);
}

function byEndpoint<Event>(
  events: readonly Event[],
  endpointOf: (event: Event) => string,
): Map<string, Event[]> {
  const groups = new Map<string, Event[]>();
  for (const event of events) {
    const endpoint = endpointOf(event);
    const group = groups.get(endpoint);
    if (group) group.push(event);
    else groups.set(endpoint, [event]);
  }
  return groups;
}
