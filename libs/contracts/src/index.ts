export { deadLetterTopic, topics } from './topics.ts';
export type { Owner, Topic } from './topics.ts';
export { defineEvent, readEventData } from './event.ts';
export type { EventContract, EventData } from './event.ts';
export { asyncApiText } from './async-api-text.ts';
export { allEvents, allOperations } from './catalog.ts';
export { allConsumers } from './consumers.ts';
export type { Consumer } from './consumers.ts';
export { defineOperation } from './operation.ts';
export type {
  DefinedOperation,
  HttpMethod,
  Operation,
  OperationInput,
  OperationReply,
} from './operation.ts';
export type { ObjectReference, Scalar } from './shapes.ts';
export * as ingestion from './ingestion.ts';
export * as featureStore from './feature-store.ts';
export * as tracking from './tracking.ts';
export * as registry from './registry.ts';
export * as trainer from './trainer.ts';
export * as router from './router.ts';
export * as monitor from './monitor.ts';
export * as oip from './oip.ts';
export * as mlflow from './mlflow.ts';
export { lapReport } from './lap.ts';
export type { LapReport } from './lap.ts';
