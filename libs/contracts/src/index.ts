export { deadLetterTopic, topics } from './topics.ts';
export type { Owner, Topic } from './topics.ts';
export { defineEvent, readEventData } from './event.ts';
export type { EventContract, EventData } from './event.ts';
