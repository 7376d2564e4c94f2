import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '@flywheel/core';
import type { OpaqueRecord } from '../wire/envelope.ts';
import { readOpaque } from '../wire/envelope.ts';
import { BatchReader } from './batch-reader.ts';
import { GroupConsumer, type GroupOptions } from './group-consumer.ts';
import type { Surroundings } from './settle.ts';

/**
 * Visits all records a topic has now, partition by partition in order; those that are no events are passed over. What
 * the visitor throws ends the reading.
 */
export async function readTopicToEnd(
  topic: string,
  visit: (records: readonly OpaqueRecord[]) => Promise<void> | void,
  options: GroupOptions & { around: Surroundings },
): Promise<void> {
  const ends = new Map<number, bigint>();
  for (const [partition, { low, high }] of await options.admin.watermarks(topic))
    if (high > low) ends.set(partition, high);
  if (ends.size === 0) return;
  let failure: { readonly thrown: unknown } | undefined;
  const reader = new BatchReader<OpaqueRecord>(
    topic,
    {
      decode: (record, place) => {
        if (BigInt(record.offset) >= (ends.get(place.partition) ?? 0n)) return undefined;
        try {
          return readOpaque(record, place);
        } catch {
          return undefined;
        }
      },
      handler: async (records) => {
        if (failure) return;
        try {
          await visit(records);
        } catch (thrown) {
          failure = { thrown };
        }
      },
      around: options.around,
    },
    { maxRecords: 5000, startAt: undefined },
  );
  {
    await using consumer = new GroupConsumer({
      ...options,
      onFailed: (cause) => {
        failure ??= { thrown: new AppError(cause.code, 'the topic could not be read', { cause }) };
      },
    });
    consumer.add(reader);
    consumer.start();
    while (ends.size > 0 && !failure) {
      for (const { partition, position } of consumer.positions()) {
        const end = ends.get(partition);
        if (end !== undefined && position >= end) ends.delete(partition);
      }
      if (ends.size > 0) await delay(10);
    }
  }
  await options.admin.deleteGroup(options.group).catch(() => undefined);
  if (failure) throw failure.thrown;
}
