import type { EventContract } from '@flywheel/contracts';
import { AppError, toAppError } from '@flywheel/core';
import {
  type OpaqueRecord,
  type Place,
  type ReceivedEvent,
  readEvent,
  readOpaque,
  typeOf,
} from '../wire/envelope.ts';
import type { ReadRecord } from '../wire/read-record.ts';
import { type Delivery, deliver } from './deliver.ts';
import type { PartitionContext, TopicReader } from './partition-worker.ts';
import { type Surroundings, deliveryContext, outcomeOf, settle } from './settle.ts';

export type BatchContext = {
  readonly partition: number;
  /** The offset after the last record the partition has. */
  readonly highWatermark: bigint;
  readonly signal: AbortSignal;
  /** Says that a long batch is alive; the group's own heartbeat needs no help. */
  heartbeat(): void;
};

/** Handles events of one partition, in order; resolves when they are durably applied. */
export type BatchHandler<Event> = (
  events: readonly Event[],
  context: BatchContext,
) => Promise<void>;

type Taken<Event> = { readonly record: ReadRecord; readonly event: Event };

/** How one record becomes an event; undefined passes it over. */
type Decode<Event> = (record: ReadRecord, place: Place) => Event | undefined;

export type BatchReaderOptions = {
  readonly maxRecords: number;
  readonly startAt: TopicReader['startAt'];
};

export function decodeOf<Data>(contract: EventContract<Data>): Decode<ReceivedEvent<Data>> {
  return (record, place) => {
    if (record.value === null && contract.topic.cleanup === 'compact') return undefined;
    const type = typeOf(record);
    if (type !== undefined && type !== contract.type) return undefined;
    return readEvent(contract, record, place);
  };
}

export function decodeOpaque(contract: EventContract): Decode<OpaqueRecord> {
  return (record, place) => {
    if (record.value === null && contract.topic.cleanup === 'compact') return undefined;
    const event = readOpaque(record, place);
    return event.type === undefined || event.type === contract.type ? event : undefined;
  };
}

/**
 * Gives the events of one contract to a handler, many at a time. A batch that fails for good is halved until the event
 * that fails stands alone; that one becomes a dead letter. A handler that throws must have applied nothing.
 */
export class BatchReader<Event> implements TopicReader {
  readonly topic: string;
  readonly maxRecords: number;
  readonly startAt: TopicReader['startAt'];
  readonly #decode: Decode<Event>;
  readonly #handler: BatchHandler<Event>;
  readonly #around: Surroundings;

  constructor(
    topic: string,
    parts: { decode: Decode<Event>; handler: BatchHandler<Event>; around: Surroundings },
    options: BatchReaderOptions,
  ) {
    this.topic = topic;
    this.maxRecords = options.maxRecords;
    this.startAt = options.startAt;
    this.#decode = parts.decode;
    this.#handler = parts.handler;
    this.#around = parts.around;
  }

  async read(records: readonly ReadRecord[], context: PartitionContext): Promise<void> {
    const place = { topic: this.topic, partition: context.partition };
    const taken: Taken<Event>[] = [];
    for (const record of records) {
      try {
        const event = this.#decode(record, place);
        if (event !== undefined) taken.push({ record, event });
      } catch (error) {
        const dead: Delivery = { kind: 'dead', error: toAppError(error), attempts: 1 };
        if (!(await settle(dead, record, this.topic, this.#around, context))) return;
        this.#count(dead, 0, 1);
      }
    }
    if (taken.length > 0 && !(await this.#apply(taken, context))) return;
    this.#advance(records.at(-1), context);
  }

  async #apply(taken: readonly Taken<Event>[], context: PartitionContext): Promise<boolean> {
    if (context.isStopping()) return false;
    const startedMs = performance.now();
    const events = taken.map(({ event }) => event);
    const delivery = await deliver(
      () =>
        this.#handler(events, {
          partition: context.partition,
          highWatermark: context.highWatermark(),
          signal: context.signal,
          heartbeat: context.touch,
        }),
      deliveryContext(this.topic, this.#around, context),
    );
    if (delivery.kind === 'dead' && taken.length > 1) {
      const middle = taken.length >>> 1;
      return (
        (await this.#apply(taken.slice(0, middle), context)) &&
        (await this.#apply(taken.slice(middle), context))
      );
    }
    const last = taken.at(-1)?.record;
    if (!last) throw new AppError('internal', 'an empty batch was given');
    this.#count(delivery, (performance.now() - startedMs) / 1000, taken.length);
    if (!(await settle(delivery, last, this.topic, this.#around, context))) return false;
    this.#advance(last, context);
    return true;
  }

  #advance(last: ReadRecord | undefined, context: PartitionContext): void {
    if (last) context.advance(Number(last.offset) + 1, last.timeMs);
  }

  #count(delivery: Delivery, seconds: number, events: number): void {
    const outcome = outcomeOf(delivery);
    if (!outcome) return;
    const { group, metrics } = this.#around;
    metrics.handled({ topic: this.topic, group, outcome }, seconds, events);
  }
}
