import type { Consumer } from '../consumers.ts';
import type { EventContract } from '../event.ts';
import { deadLetterTopic } from '../topics.ts';
import type { Topic } from '../topics.ts';
import type { GoldenSample } from './golden-samples.ts';
import { deadLetterHeaders, eventHeaders } from './message-headers.ts';
import { jsonSchemaOf } from './json-schema.ts';

type Json = Readonly<Record<string, unknown>>;

export type Described = {
  /** Version of the document. */
  readonly version: string;
  readonly topics: Readonly<Record<string, Topic>>;
  readonly events: readonly EventContract[];
  readonly consumers: readonly Consumer[];
  readonly samples: readonly GoldenSample[];
};

const bindingVersion = '0.5.0';

/** The event log as AsyncAPI 3.0: a channel per topic, a message per event, an operation per producer and consumer. */
export function asyncApi(described: Described): Json {
  const { events, version } = described;
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Flywheel events',
      version,
      description:
        'What happens in the life of a model, as CloudEvents 1.0 in Kafka binary mode. Contracts only grow: within a version optional members are added, anything else is a new version, and every version ever published stays readable.',
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    defaultContentType: 'application/json',
    servers: {
      embedded: {
        host: '127.0.0.1:7092',
        protocol: 'kafka',
        description: 'The embedded broker; FLYWHEEL_KAFKA_PORT moves it',
      },
      distributed: {
        host: '{broker}',
        protocol: 'kafka',
        description: 'Any Kafka cluster',
        variables: { broker: { description: 'KAFKA_BROKERS', default: 'localhost:9092' } },
      },
    },
    channels: channels(described),
    operations: operations(described),
    components: {
      messages: {
        ...Object.fromEntries(
          events.map((event) => [messageName(event), message(event, described.samples)]),
        ),
        'dead-letter': {
          name: 'dead-letter',
          title: 'A message that could not be handled',
          description: 'The original bytes, key and headers, with the reason in further headers.',
          headers: { $ref: '#/components/schemas/dead-letter-headers' },
        },
      },
      schemas: {
        'event-headers': eventHeaders,
        'dead-letter-headers': deadLetterHeaders,
        ...Object.fromEntries(events.map((event) => [messageName(event), payload(event)])),
      },
    },
  };
}

function channels({ topics, events, consumers }: Described): Json {
  const own = Object.entries(topics).map(([name, topic]) => {
    const messages = events.filter((event) => event.topic.name === topic.name).map(messageName);
    return [name, channel(topic, topic.owner, messages)] as const;
  });
  const dead = readers(consumers).map((service) => {
    const topic = deadLetterTopic(service);
    return [deadLetterChannel(service), channel(topic, service, ['dead-letter'])] as const;
  });
  return Object.fromEntries([...own, ...dead]);
}

function channel(topic: Omit<Topic, 'owner'>, owner: string, messages: readonly string[]): Json {
  return {
    address: topic.name,
    description: `Owned by ${owner}. Key: ${topic.key}.`,
    messages: Object.fromEntries(
      messages.map((name) => [name, { $ref: `#/components/messages/${name}` }]),
    ),
    bindings: {
      kafka: {
        topic: topic.name,
        partitions: topic.partitions,
        topicConfiguration: {
          'cleanup.policy': [topic.cleanup],
          ...(topic.retentionMs === undefined ? {} : { 'retention.ms': topic.retentionMs }),
        },
        bindingVersion,
      },
    },
  };
}

function operations({ topics, events, consumers }: Described): Json {
  const channelOf = (event: EventContract) =>
    Object.entries(topics).find(([, topic]) => topic.name === event.topic.name)?.[0] ?? '';
  const send = events.map((event) => [
    `${event.topic.owner}.send.${event.type}`,
    operation('send', channelOf(event), messageName(event)),
  ]);
  const receive = consumers.map(({ service, event, how, group, purpose }) => [
    `${service}.receive.${event.type}`,
    {
      ...operation('receive', channelOf(event), messageName(event)),
      summary: `${service} ${purpose}`,
      bindings: {
        kafka: {
          groupId:
            how === 'group'
              ? { type: 'string', const: group }
              : { type: 'string', pattern: `^${group.replaceAll('.', '\\.')}` },
          bindingVersion,
        },
      },
    },
  ]);
  const putAside = readers(consumers).map((service) => [
    `${service}.send.dead-letter`,
    operation('send', deadLetterChannel(service), 'dead-letter'),
  ]);
  return Object.fromEntries([...send, ...receive, ...putAside]) as Json;
}

function operation(action: 'send' | 'receive', channelName: string, messageOfIt: string): Json {
  return {
    action,
    channel: { $ref: `#/channels/${channelName}` },
    messages: [{ $ref: `#/channels/${channelName}/messages/${messageOfIt}` }],
  };
}

function message(event: EventContract, samples: readonly GoldenSample[]): Json {
  return {
    name: event.type,
    title: `${event.type}, version ${event.version}`,
    contentType: 'application/json',
    headers: { $ref: '#/components/schemas/event-headers' },
    payload: { $ref: `#/components/schemas/${messageName(event)}` },
    bindings: { kafka: { key: { type: 'string', minLength: 1 }, bindingVersion } },
    examples: samples
      .filter(({ type, version }) => type === event.type && version === event.version)
      .map(({ shows, data }) => ({ name: shows ?? 'sample', payload: data })),
  };
}

function payload(event: EventContract): Json {
  return Object.fromEntries(
    Object.entries(jsonSchemaOf(event.data)).filter(([keyword]) => keyword !== '$schema'),
  );
}

function messageName(event: EventContract): string {
  return `${event.type}.v${event.version}`;
}

function deadLetterChannel(service: string): string {
  return `dead.${service}`;
}

/** Services that read in a group, and so may put messages aside. */
function readers(consumers: readonly Consumer[]): readonly string[] {
  const grouped = consumers.filter(({ how }) => how === 'group').map(({ service }) => service);
  return [...new Set(grouped)];
}
