import type { Logger } from '@flywheel/core';
import { topics } from '@flywheel/contracts';
import type { BatchContext, OpaqueRecord } from '@flywheel/kafka';
import type { LakeRecord, LakeWriter } from '../lake/lake-writer.ts';

/** Ingested records go to the lake as they are. What is no JSON object cannot come from ingestion and is passed over. */
export function onRecordsReceived({ lake, log }: { lake: LakeWriter; log: Logger }) {
  return async (events: readonly OpaqueRecord[], { partition }: BatchContext): Promise<void> => {
    const first = events[0];
    const last = events.at(-1);
    if (!first || !last) return;
    const records: LakeRecord[] = [];
    for (const event of events) {
      const text = Buffer.from(
        event.value.buffer,
        event.value.byteOffset,
        event.value.byteLength,
      ).toString('utf8');
      const record = objectOf(text);
      if (record === undefined || event.subject === '') {
        log.warn(
          { topic: event.topic, partition, offset: String(event.offset) },
          'a message on the records topic is not a record',
        );
        continue;
      }
      records.push({
        dataset: event.subject,
        id: event.id,
        place: { topic: event.topic, partition, offset: event.offset, receivedMs: event.timeMs },
        text,
        record,
      });
    }
    await lake.take(topics.ingestRecords.name, partition, records, {
      from: first.offset,
      to: last.offset + 1n,
    });
  };
}

function objectOf(text: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
      ? (parsed as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
