import { expect, it } from 'vitest';
import { z } from 'zod';
import {
  allConsumers,
  allEvents,
  deadLetterTopic,
  defineEvent,
  defineOperation,
  lapReport,
  readEventData,
  registry,
  topics,
} from './index.ts';
import type { EventData, OperationInput, OperationReply } from './index.ts';

// Chapter 1. A fact belongs to one service. Its contract holds all there is to know: topic, key, version, schema.
const endpointRenamed = defineEvent({
  type: 'registry.endpoint-renamed',
  topic: topics.registryDeployments,
  data: z.object({ endpoint: z.string().min(1), name: z.string().min(1) }),
  key: (data) => data.endpoint,
});

it('an event carries its topic, its version and the key of its messages', () => {
  const data: EventData<typeof endpointRenamed> = { endpoint: 'flight-delay', name: 'lateness' };

  expect(endpointRenamed.topic.name).toBe('registry.deployments');
  expect(endpointRenamed.version).toBe(1);
  expect(endpointRenamed.key(data)).toBe('flight-delay');
});

// Chapter 2. What comes from outside is checked once, at the edge; afterwards it has a type.
it('data is read through its contract, or refused with the place and the rule', () => {
  expect(readEventData(endpointRenamed, 1, { endpoint: 'a', name: 'b', more: 1 })).toEqual({
    endpoint: 'a',
    name: 'b',
  });
  expect(() => readEventData(endpointRenamed, 1, { endpoint: 'a', name: '' })).toThrow(
    expect.objectContaining({ code: 'invalid_argument' }),
  );
});

// Chapter 3. A member that is optional may come at any time. Anything else is a new version, and a function that lifts
// the old one: handlers know one shape only, and what lies in the log stays readable.
const endpointRenamedTwice = defineEvent({
  type: 'registry.endpoint-renamed',
  version: 2,
  topic: topics.registryDeployments,
  data: z.object({ endpoint: z.string().min(1), names: z.array(z.string()).min(1) }),
  key: (data) => data.endpoint,
  older: {
    1: (data: EventData<typeof endpointRenamed>) => ({
      endpoint: data.endpoint,
      names: [data.name],
    }),
  },
});

it('every version ever published stays readable', () => {
  expect(readEventData(endpointRenamedTwice, 1, { endpoint: 'a', name: 'b' })).toEqual({
    endpoint: 'a',
    names: ['b'],
  });
});

// Chapter 4. Commands and questions are operations. Server and caller take their types from the same description.
const renameEndpoint = defineOperation({
  name: 'registry.rename-endpoint',
  service: 'registry',
  method: 'PATCH',
  path: '/api/registry/endpoints/:endpoint',
  summary: 'Gives an endpoint another name',
  params: z.object({ endpoint: z.string() }),
  body: z.object({ name: z.string(), reason: z.string().default('') }),
  reply: z.object({ name: z.string() }),
});

it('an operation types what a caller writes and what it gets', () => {
  const input: OperationInput<typeof renameEndpoint> = {
    params: { endpoint: 'flight-delay' },
    body: { name: 'lateness' }, // `reason` has a default
  };
  const reply: OperationReply<typeof renameEndpoint> = { name: 'lateness' };

  expect(renameEndpoint.body?.parse(input.body)).toEqual({ name: 'lateness', reason: '' });
  expect(renameEndpoint.reply.parse(reply)).toEqual(reply);
});

// Chapter 5. Topics are a table: made from it, documented from it, checked against it.
it('each topic has one owner, and beside each service lies a topic for what it cannot handle', () => {
  expect(topics.inferencePredictions).toMatchObject({
    name: 'inference.predictions',
    owner: 'router',
    partitions: 3,
    cleanup: 'delete',
  });
  expect(deadLetterTopic('monitor').name).toBe('dead.monitor');
});

// Chapter 6. Whoever wants to change an event can ask who reads it.
it('events and their consumers can be listed', () => {
  const readers = allConsumers().filter(({ event }) => event === registry.deploymentChanged);

  expect(readers.map(({ service }) => service)).toEqual(['router', 'monitor']);
  expect(allEvents()).toContain(registry.deploymentChanged);
});

// Chapter 7. What the lap prints is a contract too.
it('the report of a lap is checked like an event', () => {
  expect(lapReport.safeParse({ ok: true }).success).toBe(false);
});
