import type { EventContract } from '@flywheel/contracts';
import type { Clock, Logger } from '@flywheel/core';
import type { BrokerSecurity } from './client/client.ts';
import type { TopicToEnsure } from './client/topics-admin.ts';
import type { BatchHandler } from './consuming/batch-reader.ts';
import type { DeliveryPolicy } from './consuming/deliver.ts';
import type { Handler, TombstoneHandler } from './consuming/event-reader.ts';
import type { Gap, Position } from './consuming/group-consumer.ts';
import type { BusMetrics, BusTracing } from './ports.ts';
import type { Firehose, FirehoseOptions } from './publishing/firehose.ts';
import type { Outgoing, Published } from './publishing/lane.ts';
import type { OpaqueRecord, ReceivedEvent } from './wire/envelope.ts';

export type BusOptions = {
  /** `host:port` of any brokers of the cluster. */
  readonly brokers: readonly string[];
  /** Source of its events and name of its consumer group. */
  readonly service: string;
  readonly log: Logger;
  readonly clock?: Clock;
  readonly metrics?: BusMetrics;
  readonly tracing?: BusTracing;
  readonly security?: BrokerSecurity;
  readonly policy?: DeliveryPolicy;
  /** How long a publish waits for the log before it fails with `unavailable`; default 30 s. */
  readonly publishTimeoutMs?: number;
  /** How long closing waits for what is still to be sent, each for firehoses and publishes; default 5 s. */
  readonly closeTimeoutMs?: number;
  /** A handler that says nothing for so long counts as hung and fails the bus; default 5 minutes. */
  readonly handlerTimeoutMs?: number;
};

export type SubscribeOptions = {
  /** Default: the service's name. Two handlers of one event need two groups. */
  readonly group?: string;
  /** The key of a compacted topic is gone; without it tombstones are passed over. */
  readonly onTombstone?: TombstoneHandler;
};

export type BatchOptions = {
  readonly group?: string;
  /** At most so many events at once; default 5000. */
  readonly maxRecords?: number;
  /** The offset to resume at, from where the sink keeps it; undefined = the group's. */
  readonly startAt?: (partition: number) => Promise<bigint | undefined>;
  /** The log no longer had these offsets when they should have been read. */
  readonly onGap?: (gap: Gap) => void;
};

export type PublishOptions = {
  /** A UUIDv7 is made where none is given. Receivers recognise a repetition by it. */
  readonly id?: string;
  /** When it happened, RFC 3339; default now. */
  readonly time?: string;
};

export type OpaqueMessage = {
  readonly id: string;
  readonly key: string;
  readonly subject: string;
  readonly value: Uint8Array | string;
};

/** The event log as one service sees it. */
export type Bus = AsyncDisposable & {
  readonly service: string;

  /**
   * Resolves when the log has it. `invalid_argument` if the data breaks the contract, `permission_denied` if another
   * service owns the topic, `payload_too_large`, `unavailable` when the log does not answer in time (it may still
   * have it), `resource_exhausted` when too much waits already.
   */
  publish<Data>(
    contract: EventContract<Data>,
    data: Data,
    options?: PublishOptions,
  ): Promise<Published>;

  /** The same for many, in order; rejects with the first failure once all are settled. */
  publishAll<Data>(
    contract: EventContract<Data>,
    items: readonly ({ readonly data: Data } & PublishOptions)[],
  ): Promise<Published[]>;

  /** Deletes the key from a compacted topic. */
  publishTombstone(contract: EventContract, key: string): Promise<Published>;

  /** For hot paths: the values are sent as they are, with the fewest headers that make them CloudEvents. */
  publishOpaque(contract: EventContract, messages: readonly OpaqueMessage[]): Promise<Published[]>;

  /** Sends records that are complete already: for relays and replays. Nothing is checked but the size. */
  send(records: readonly Outgoing[], options?: { timeoutMs?: number }): Promise<Published[]>;

  /** Never waits and never delays `publish`: what the log cannot take in time is kept up to a bound, then dropped and counted. */
  firehose<Data>(contract: EventContract<Data>, options?: FirehoseOptions): Firehose<Data>;

  /** Every event at least once, in order per key. Events of the topic's other types are passed over. */
  subscribe<Data>(
    contract: EventContract<Data>,
    handler: Handler<EventContract<Data>>,
    options?: SubscribeOptions,
  ): void;

  /** Many events of one partition at once: for sinks. Offsets are committed after the handler. */
  subscribeBatch(
    contract: EventContract,
    handler: BatchHandler<OpaqueRecord>,
    options: BatchOptions & { readonly opaque: true },
  ): void;
  subscribeBatch<Data>(
    contract: EventContract<Data>,
    handler: BatchHandler<ReceivedEvent<Data>>,
    options?: BatchOptions & { readonly opaque?: false },
  ): void;

  /**
   * Every instance reads the topic from its beginning and stays with it; `ready` resolves when what was there at the
   * start has been handled. An event that cannot be handled is reported and passed over.
   */
  watch<Data>(
    contract: EventContract<Data>,
    handler: Handler<EventContract<Data>>,
    options?: { readonly onTombstone?: TombstoneHandler },
  ): { readonly ready: Promise<void> };

  /** Reads a topic from its beginning to where it ends now; needs no `start` and leaves no trace in the log. */
  readToEnd(
    topic: string,
    visit: (records: readonly OpaqueRecord[]) => Promise<void> | void,
  ): Promise<void>;

  /** Opens intake; resolves when every group has been joined. `unavailable` if that takes more than a minute. */
  start(): Promise<void>;
  /** Work in hand is finished and committed; nothing new begins. Publishing goes on. */
  stopIntake(): Promise<void>;

  /** The offset after the last record, per partition. */
  endOffsets(topic: string): Promise<Map<number, bigint>>;
  /** How far own subscriptions are. */
  positions(): Position[];
  /**
   * Waits until the own subscriptions have handled what a topic held when the call was made; false when that takes
   * longer than `withinMs`.
   */
  caughtUp(topic: string, withinMs: number): Promise<boolean>;
  /** Resolves when one of the own positions moves, or after `withinMs`: for whoever waits until something was read. */
  moved(withinMs: number): Promise<void>;
  /** Makes the topics that are missing; those that exist stay as they are. Several processes may do it at once. */
  ensureTopics(topics: readonly TopicToEnsure[]): Promise<void>;

  /** Rejects when a message can neither be handled nor put aside, or a consumer cannot run: the process must stop. */
  readonly failed: Promise<never>;
};
