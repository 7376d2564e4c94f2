import { silentLogger } from '@flywheel/core';
import { topics } from '@flywheel/contracts';
import { openBus } from '@flywheel/kafka';
import type { OpaqueRecord } from '@flywheel/kafka';
import type { AcknowledgedBatches } from './ingest-history.ts';

/** What callers were told is safe. */
export type Acknowledged = {
  batches: AcknowledgedBatches;
  predictions: ReadonlySet<string>;
  feedback: ReadonlySet<string>;
};

/**
 * Reads the log from its beginning to its end: counts messages per topic, and acknowledged events that are not there.
 * A record is known by its batch and index, a prediction and a feedback item by their ids.
 */
export async function verifyLog(
  brokers: readonly string[],
  acknowledged: Acknowledged,
): Promise<{ events: Record<string, number>; dropped: number }> {
  await using bus = await openBus({ brokers, service: 'lap', log: silentLogger });
  const records = new Map(
    [...acknowledged.batches].map(([batch, count]) => [batch, new IndexSet(count)]),
  );
  const predictions = new Set(acknowledged.predictions);
  const feedback = new Set(acknowledged.feedback);
  const visitors: Record<string, (record: OpaqueRecord) => void> = {
    [topics.ingestRecords.name]: ({ id }) => {
      const at = id.lastIndexOf('/');
      records.get(id.slice(0, at))?.add(Number(id.slice(at + 1)));
    },
    [topics.inferencePredictions.name]: ({ value }) => {
      const batch = JSON.parse(Buffer.from(value).toString()) as { predictions: { id: string }[] }; // checked by its producer
      for (const { id } of batch.predictions) predictions.delete(id);
    },
    [topics.inferenceFeedback.name]: ({ id }) => void feedback.delete(id),
  };
  const events: Record<string, number> = {};
  for (const { name } of Object.values(topics)) {
    const visit = visitors[name];
    if (visit === undefined) {
      events[name] = await messageCount(bus, name);
      continue;
    }
    let count = 0;
    await bus.readToEnd(name, (messages) => {
      count += messages.length;
      for (const message of messages) visit(message);
    });
    events[name] = count;
  }
  const missingRecords = [...records.values()].reduce(
    (missing, batch) => missing + batch.missing,
    0,
  );
  return { events, dropped: missingRecords + predictions.size + feedback.size };
}

async function messageCount(
  bus: { endOffsets(topic: string): Promise<Map<number, bigint>> },
  topic: string,
): Promise<number> {
  let count = 0n;
  for (const end of (await bus.endOffsets(topic)).values()) count += end;
  return Number(count);
}

/** Which of the indexes 0 … count - 1 were seen: one bit each. */
class IndexSet {
  readonly #bits: Uint8Array;
  missing: number;

  constructor(count: number) {
    this.#bits = new Uint8Array(Math.ceil(count / 8));
    this.missing = count;
  }

  add(index: number): void {
    const byte = index >> 3;
    const mask = 1 << (index & 7);
    const bits = this.#bits[byte];
    if (bits === undefined || (bits & mask) !== 0) return;
    this.#bits[byte] = bits | mask;
    this.missing--;
  }
}
