import { topics } from '@flywheel/contracts';
import type { EventData, Owner, monitor, router } from '@flywheel/contracts';
import type { BatchContext, ReceivedEvent } from '@flywheel/kafka';
import type { Catalog } from '../catalog/catalog.ts';
import type { LakeRecord, LakeWriter } from '../lake/lake-writer.ts';

type Predictions = ReceivedEvent<EventData<typeof router.predictionsLogged>>;
type Source = { topic: string; suffix: string; owner: Owner };

const predictionsSource: Source = {
  topic: topics.inferencePredictions.name,
  suffix: '.predictions',
  owner: 'router',
};
const outcomesSource: Source = {
  topic: topics.inferenceOutcomes.name,
  suffix: '.outcomes',
  owner: 'monitor',
};
const sources = [predictionsSource, outcomesSource];

type Parts = { lake: LakeWriter; catalog: Pick<Catalog, 'ensure'> };
type Outcomes = ReceivedEvent<EventData<typeof monitor.outcomesJoined>>;

/** The topics whose records may be in a dataset. */
export function topicsOf(dataset: string): string[] {
  const archived = sources.filter(({ suffix }) => dataset.endsWith(suffix));
  return [topics.ingestRecords.name, ...archived.map(({ topic }) => topic)];
}

/** What was predicted becomes the dataset `<endpoint>.predictions`. */
export function archivePredictions(parts: Parts) {
  return (events: readonly Predictions[], context: BatchContext): Promise<void> =>
    take(parts, predictionsSource, events, context, (event) =>
      event.data.predictions.map((prediction) => {
        const { id, requestFeatures, entities, vector, ...facts } = prediction;
        return {
          endpoint: event.data.endpoint,
          id,
          record: { prediction: id, ...facts, ...entities, ...requestFeatures, vector },
        };
      }),
    );
}

/** What came of it becomes `<endpoint>.outcomes`: a training row like any other; a correction is a further row. */
export function archiveOutcomes(parts: Parts) {
  return (events: readonly Outcomes[], context: BatchContext): Promise<void> =>
    take(parts, outcomesSource, events, context, (event) =>
      event.data.outcomes.map(({ record, ...facts }) => ({
        endpoint: event.data.endpoint,
        id: `${facts.prediction}@${facts.revision}`,
        record: { ...record, ...facts },
      })),
    );
}

async function take<Event extends { offset: bigint; time: string }>(
  { lake, catalog }: Parts,
  { topic, suffix, owner }: Source,
  events: readonly Event[],
  { partition }: BatchContext,
  rowsOf: (event: Event) => { endpoint: string; id: string; record: Record<string, unknown> }[],
): Promise<void> {
  const first = events[0];
  const last = events.at(-1);
  if (!first || !last) return;
  const records = events.flatMap((event): LakeRecord[] =>
    rowsOf(event).map(({ endpoint, id, record }) => ({
      dataset: `${endpoint}${suffix}`,
      id,
      place: { topic, partition, offset: event.offset, receivedMs: Date.parse(event.time) },
      text: JSON.stringify(record),
      record,
    })),
  );
  for (const dataset of new Set(records.map((record) => record.dataset)))
    await catalog.ensure(dataset, { owner });
  await lake.take(topic, partition, records, { from: first.offset, to: last.offset + 1n });
}
