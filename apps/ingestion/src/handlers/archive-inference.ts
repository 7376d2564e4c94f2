import { topics } from '@flywheel/contracts';
import type { EventData, monitor, router } from '@flywheel/contracts';
import type { BatchContext, ReceivedEvent } from '@flywheel/kafka';
import type { LakeRecord, LakeWriter } from '../lake/lake-writer.ts';

type Predictions = ReceivedEvent<EventData<typeof router.predictionsLogged>>;
type Outcomes = ReceivedEvent<EventData<typeof monitor.outcomesJoined>>;

/** What was predicted becomes the dataset `<endpoint>.predictions`. */
export function archivePredictions(lake: LakeWriter) {
  return (events: readonly Predictions[], context: BatchContext): Promise<void> =>
    take(lake, topics.inferencePredictions.name, events, context, (event) =>
      event.data.predictions.map((prediction) => {
        const { id, requestFeatures, entities, vector, ...facts } = prediction;
        return {
          dataset: `${event.data.endpoint}.predictions`,
          id,
          record: { prediction: id, ...facts, ...entities, ...requestFeatures, vector },
        };
      }),
    );
}

/** What came of it becomes `<endpoint>.outcomes`: a training row like any other; a correction is a further row. */
export function archiveOutcomes(lake: LakeWriter) {
  return (events: readonly Outcomes[], context: BatchContext): Promise<void> =>
    take(lake, topics.inferenceOutcomes.name, events, context, (event) =>
      event.data.outcomes.map(({ record, ...facts }) => ({
        dataset: `${event.data.endpoint}.outcomes`,
        id: `${facts.prediction}@${facts.revision}`,
        record: { ...record, ...facts },
      })),
    );
}

async function take<Event extends { offset: bigint; time: string }>(
  lake: LakeWriter,
  topic: string,
  events: readonly Event[],
  { partition }: BatchContext,
  rowsOf: (event: Event) => { dataset: string; id: string; record: Record<string, unknown> }[],
): Promise<void> {
  const first = events[0];
  const last = events.at(-1);
  if (!first || !last) return;
  const records = events.flatMap((event): LakeRecord[] =>
    rowsOf(event).map(({ dataset, id, record }) => ({
      dataset,
      id,
      place: { topic, partition, offset: event.offset, receivedMs: Date.parse(event.time) },
      text: JSON.stringify(record),
      record,
    })),
  );
  await lake.take(topic, partition, records, { from: first.offset, to: last.offset + 1n });
}
