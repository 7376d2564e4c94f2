import { setImmediate as nextTurn } from 'node:timers/promises';
import type { EventContract, EventData, Topic } from '@flywheel/contracts';
import { AppError } from '@flywheel/core';
import { type ReceivedEvent, readEvent, readHeaders, typeOf } from '../wire/envelope.ts';
import type { ReadRecord } from '../wire/read-record.ts';
import { type Delivery, deliver } from './deliver.ts';
import type { PartitionContext, TopicReader } from './partition-worker.ts';
import { type Surroundings, deliveryContext, outcomeOf, settle } from './settle.ts';

export type HandlerContext = {
  /** Aborted when the work must end: the partition moved on, or the process stops. */
  readonly signal: AbortSignal;
  /** Counts the event as not of interest, by reason; then return. */
  readonly skip: (reason: string) => void;
};

/** Handles one event, at least once, in order per key: so it must be idempotent. */
export type Handler<Contract> = (
  event: ReceivedEvent<EventData<Contract>>,
  context: HandlerContext,
) => Promise<void> | void;

/** The key of a compacted topic is gone. */
export type TombstoneHandler = (key: string, context: HandlerContext) => Promise<void> | void;

export type EventRoute<Data = never> = {
  readonly contract: EventContract<Data>;
  readonly handler: Handler<EventContract<Data>>;
  readonly onTombstone: TombstoneHandler | undefined;
};

/** Work of a partition hands the event loop back after so long, so that requests are answered meanwhile. */
const sliceMs = 5;

/** Gives each event of a topic to the handlers of its type; events of other types are passed over. */
export class EventReader implements TopicReader {
  readonly topic: string;
  readonly maxRecords = 500;
  readonly #cleanup: Topic['cleanup'];
  readonly #around: Surroundings;
  readonly #routes = new Map<string, EventRoute[]>();

  constructor(topic: Topic, around: Surroundings) {
    this.topic = topic.name;
    this.#cleanup = topic.cleanup;
    this.#around = around;
  }

  has(type: string): boolean {
    return this.#routes.has(type);
  }

  add<Data>(route: EventRoute<Data>): void {
    const { type } = route.contract;
    // A route is only ever called with the data of its own contract.
    const routes = [...(this.#routes.get(type) ?? []), route as unknown as EventRoute];
    this.#routes.set(type, routes);
  }

  async read(records: readonly ReadRecord[], context: PartitionContext): Promise<void> {
    const delivering = deliveryContext(this.topic, this.#around, context);
    let sliceStartedMs = performance.now();
    for (const record of records) {
      if (context.isStopping()) return;
      const startedMs = performance.now();
      if (startedMs - sliceStartedMs > sliceMs) {
        await nextTurn();
        sliceStartedMs = performance.now();
      }
      const delivery = await deliver((skip) => this.#handle(record, context, skip), delivering);
      if (!(await settle(delivery, record, this.topic, this.#around, context))) {
        if (delivery.kind === 'exhausted') this.#count(delivery, startedMs);
        return;
      }
      this.#count(delivery, startedMs);
      context.advance(Number(record.offset) + 1, record.timeMs);
    }
  }

  async #handle(
    record: ReadRecord,
    context: PartitionContext,
    skip: (reason: string) => void,
  ): Promise<void> {
    const handling: HandlerContext = { signal: context.signal, skip };
    if (record.value === null && this.#cleanup === 'compact')
      return this.#handleTombstone(record, handling);
    const type = typeOf(record);
    if (type === undefined)
      throw new AppError('invalid_argument', 'the message is no event of ours', {
        details: { rule: 'the attribute type is missing' },
      });
    const routes = this.#routes.get(type);
    if (!routes) {
      skip('another type');
      return;
    }
    for (const route of routes) {
      const event = readEvent(route.contract, record, {
        topic: this.topic,
        partition: context.partition,
      });
      await this.#around.tracing.extract(event.headers, this.topic, async () => {
        await route.handler(event, handling);
      });
    }
  }

  async #handleTombstone(record: ReadRecord, handling: HandlerContext): Promise<void> {
    const key = record.keyText;
    const handlers = [...this.#routes.values()]
      .flat()
      .flatMap(({ onTombstone }) => onTombstone ?? []);
    if (handlers.length === 0) {
      handling.skip('tombstone');
      return;
    }
    for (const handler of handlers)
      await this.#around.tracing.extract(readHeaders(record), this.topic, async () => {
        await handler(key, handling);
      });
  }

  #count(delivery: Delivery, startedMs: number): void {
    const outcome = outcomeOf(delivery);
    if (!outcome) return;
    const { group, metrics } = this.#around;
    const seconds = (performance.now() - startedMs) / 1000;
    metrics.handled({ topic: this.topic, group, outcome }, seconds, 1);
  }
}
