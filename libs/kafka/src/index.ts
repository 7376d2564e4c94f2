export { openBus } from './bus.ts';
export type {
  BatchOptions,
  Bus,
  BusOptions,
  OpaqueMessage,
  PublishOptions,
  SubscribeOptions,
} from './bus-types.ts';
export type { BrokerSecurity } from './client/client.ts';
export type { TopicToEnsure } from './client/topics-admin.ts';
export type { BatchContext, BatchHandler } from './consuming/batch-reader.ts';
export type { DeadLetterReason } from './consuming/dead-letter.ts';
export { defaultPolicy, deliver } from './consuming/deliver.ts';
export type { Delivery, DeliveryContext, DeliveryPolicy } from './consuming/deliver.ts';
export type { Handler, HandlerContext, TombstoneHandler } from './consuming/event-reader.ts';
export type { Gap, Position } from './consuming/group-consumer.ts';
export { RecentIds } from './consuming/recent-ids.ts';
export { noMetrics, noTracing } from './ports.ts';
export type {
  BusMetrics,
  BusTracing,
  HandledLabels,
  HandledOutcome,
  PartitionLabels,
} from './ports.ts';
export type { Firehose, FirehoseOptions, FirehoseStats } from './publishing/firehose.ts';
export type { Outgoing, Published } from './publishing/lane.ts';
export { createInbox, inboxMigration } from './sql/inbox.ts';
export type { Inbox } from './sql/inbox.ts';
export { Outbox, createOutbox, outboxMigration } from './sql/outbox.ts';
export type { OutboxOptions } from './sql/outbox.ts';
export { createSinkOffsets, sinkOffsetsMigration } from './sql/sink-offsets.ts';
export type { SinkOffsets, SinkPlace } from './sql/sink-offsets.ts';
export type { Migration, Sql, SqlTransaction } from './sql/sql.ts';
export { partitionOf } from './wire/murmur2.ts';
export type { Envelope, OpaqueRecord, ReceivedEvent } from './wire/envelope.ts';
