import { setTimeout as delay } from 'node:timers/promises';
import type { AppError, Clock, Logger } from '@flywheel/core';
import type { BusMetrics, BusTracing, HandledOutcome } from '../ports.ts';
import type { Outgoing } from '../publishing/lane.ts';
import type { LogRecord } from '../wire/envelope.ts';
import { deadLetter } from './dead-letter.ts';
import { type Delivery, type DeliveryContext, type DeliveryPolicy, deliver } from './deliver.ts';
import type { PartitionContext } from './partition-worker.ts';

/** What every reader of a group needs to act on an outcome. */
export type Surroundings = {
  readonly service: string;
  readonly group: string;
  readonly policy: DeliveryPolicy;
  readonly log: Logger;
  readonly metrics: BusMetrics;
  readonly tracing: BusTracing;
  readonly clock: Clock;
  readonly draw: () => number;
  /** Resolves when the log has the dead letter; undefined where a message that cannot be handled is only reported. */
  readonly writeDeadLetter: ((letter: Outgoing) => Promise<void>) | undefined;
};

export function deliveryContext(
  topic: string,
  around: Surroundings,
  context: PartitionContext,
): DeliveryContext {
  return {
    policy: around.policy,
    signal: context.signal,
    draw: around.draw,
    wait: async (ms, signal) => {
      context.touch();
      await delay(ms, undefined, { signal }).catch(() => undefined);
      context.touch();
    },
    onRetry: (error, attempt, waitMs) =>
      around.log.warn(
        { err: error, topic, partition: context.partition, attempt, waitMs: Math.round(waitMs) },
        'an event is tried again',
      ),
  };
}

/** Acts on what became of one record. False: the partition must not go past it now. */
export async function settle(
  delivery: Delivery,
  record: LogRecord,
  topic: string,
  around: Surroundings,
  context: PartitionContext,
): Promise<boolean> {
  switch (delivery.kind) {
    case 'handled':
    case 'skipped':
      return true;
    case 'cancelled':
      return false;
    case 'exhausted':
      context.fail(delivery.error);
      return false;
    case 'dead':
      return bury(delivery, record, topic, around, context);
  }
}

async function bury(
  { error, attempts }: { error: AppError; attempts: number },
  record: LogRecord,
  topic: string,
  around: Surroundings,
  context: PartitionContext,
): Promise<boolean> {
  const { service, group, writeDeadLetter } = around;
  const { partition } = context;
  const fields = { err: error, topic, partition, offset: record.offset, group, attempts };
  if (error.code === 'internal') around.log.error(fields, 'an event met a bug');
  else around.log.warn(fields, 'an event could not be handled');
  around.metrics.deadLetters(topic, error.code);
  if (!writeDeadLetter) return true;
  const letter = deadLetter(
    record,
    { topic, partition },
    { service, group, error, attempts, nowMs: around.clock.nowMs() },
  );
  const written = await deliver(
    () => writeDeadLetter(letter),
    deliveryContext(topic, around, context),
  );
  if (written.kind === 'handled') return true;
  if (written.kind === 'dead' || written.kind === 'exhausted') context.fail(written.error);
  return false;
}

export function outcomeOf(delivery: Delivery): HandledOutcome | undefined {
  return delivery.kind === 'cancelled' ? undefined : delivery.kind;
}
