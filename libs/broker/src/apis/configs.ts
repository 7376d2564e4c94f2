import type { Logger } from '@flywheel/core';
import { defineApi } from '../protocol/api.ts';
import {
  array,
  boolean,
  int16,
  int32,
  int8,
  nullableArray,
  nullableString,
  since,
  string,
  struct,
} from '../protocol/codec.ts';
import { errorCodes } from '../protocol/error-codes.ts';
import type { ErrorNumber } from '../protocol/error-codes.ts';
import { configValue, refusalOfConfigs, topicConfigKeys } from '../topic-configs.ts';
import type { ConfigType, TopicConfigs } from '../topic-configs.ts';
import type { Topics } from '../topics.ts';
import { nodeId } from './node.ts';

const resourceTypes = { topic: 2, broker: 4 } as const;
const sources = { topic: 1, staticBroker: 4, fallback: 5 } as const;
const typeNumbers: Readonly<Record<ConfigType, number>> = {
  boolean: 1,
  string: 2,
  int: 3,
  long: 5,
  double: 6,
  list: 7,
};

type Described = {
  readonly name: string;
  readonly value: string;
  readonly source: number;
  readonly fallback: string | undefined;
  readonly type: ConfigType;
  readonly isReadOnly: boolean;
};

/** `brokerConfigs`: what the broker runs with, by Kafka's names; read-only. */
export function describeConfigs(topics: Topics, brokerConfigs: () => TopicConfigs) {
  return defineApi({
    key: 32,
    minVersion: 1,
    maxVersion: 3,
    request: struct({
      resources: array(struct({ type: int8, name: string, keys: nullableArray(string) })),
      includeSynonyms: since(1, boolean, false),
      includeDocumentation: since(3, boolean, false),
    }),
    response: struct({
      throttleTimeMs: int32,
      results: array(
        struct({
          error: int16,
          errorMessage: nullableString,
          type: int8,
          name: string,
          configs: array(
            struct({
              name: string,
              value: nullableString,
              isReadOnly: boolean,
              source: since(1, int8, -1),
              isSensitive: boolean,
              synonyms: since(
                1,
                array(struct({ name: string, value: nullableString, source: int8 })),
                [],
              ),
              type: since(3, int8, 0),
              documentation: since(3, nullableString, null),
            }),
          ),
        }),
      ),
    }),
    handle: ({ resources, includeSynonyms }) => ({
      throttleTimeMs: 0,
      results: resources.map(({ type, name, keys }) => {
        const { error, configs } = describe(topics, brokerConfigs(), type, name);
        return {
          error,
          errorMessage: null,
          type,
          name,
          configs: configs
            .filter((config) => keys === null || keys.length === 0 || keys.includes(config.name))
            .map((config) => ({
              name: config.name,
              value: config.value,
              isReadOnly: config.isReadOnly,
              source: config.source,
              isSensitive: false,
              synonyms: includeSynonyms ? synonymsOf(config) : [],
              type: typeNumbers[config.type],
              documentation: null,
            })),
        };
      }),
    }),
  });
}

const alterResponse = struct({
  throttleTimeMs: int32,
  results: array(struct({ error: int16, errorMessage: nullableString, type: int8, name: string })),
});

/** Replaces all configs of a topic: what is not named goes back to its default. */
export function alterConfigs(topics: Topics, log: Logger) {
  return defineApi({
    key: 33,
    minVersion: 0,
    maxVersion: 1,
    request: struct({
      resources: array(
        struct({
          type: int8,
          name: string,
          configs: array(struct({ name: string, value: nullableString })),
        }),
      ),
      validateOnly: boolean,
    }),
    response: alterResponse,
    handle: async ({ resources, validateOnly }) => ({
      throttleTimeMs: 0,
      results: await Promise.all(
        resources.map(async ({ type, name, configs }) => ({
          type,
          name,
          ...(await alter(topics, { type, name, configs, validateOnly }, log)),
        })),
      ),
    }),
  });
}

const operations = { set: 0, delete: 1, append: 2, subtract: 3 } as const;

/** Changes single configs and leaves the others. */
export function incrementalAlterConfigs(topics: Topics, log: Logger) {
  return defineApi({
    key: 44,
    minVersion: 0,
    maxVersion: 0,
    request: struct({
      resources: array(
        struct({
          type: int8,
          name: string,
          changes: array(struct({ name: string, operation: int8, value: nullableString })),
        }),
      ),
      validateOnly: boolean,
    }),
    response: alterResponse,
    handle: async ({ resources, validateOnly }) => ({
      throttleTimeMs: 0,
      results: await Promise.all(
        resources.map(async ({ type, name, changes }) => {
          const before = topics.get(name)?.configs ?? {};
          const values = new Map<string, string | null>(Object.entries(before));
          for (const change of changes) values.set(change.name, changed(before, change));
          const configs = [...values].map(([key, value]) => ({ name: key, value }));
          const outcome = await alter(topics, { type, name, configs, validateOnly }, log);
          return { type, name, ...outcome };
        }),
      ),
    }),
  });
}

function changed(
  before: TopicConfigs,
  { name, operation, value }: { name: string; operation: number; value: string | null },
): string | null {
  if (operation === operations.set) return value;
  if (operation === operations.delete) return null;
  const listed = configValue(before, name).split(',').filter(Boolean);
  const given = (value ?? '').split(',');
  const kept = listed.filter((item) => !given.includes(item));
  return (operation === operations.append ? [...kept, ...given] : kept).join(',');
}

async function alter(
  topics: Topics,
  asked: {
    type: number;
    name: string;
    configs: readonly { readonly name: string; readonly value: string | null }[];
    validateOnly: boolean;
  },
  log: Logger,
): Promise<{ error: ErrorNumber; errorMessage: string | null }> {
  if (asked.type !== resourceTypes.topic)
    return {
      error: errorCodes.invalidRequest,
      errorMessage: 'Only configs of topics can be altered while the broker runs.',
    };
  const topic = topics.get(asked.name);
  if (!topic) return { error: errorCodes.unknownTopicOrPartition, errorMessage: null };
  const errorMessage = refusalOfConfigs(asked.configs);
  if (errorMessage !== undefined) return { error: errorCodes.invalidConfig, errorMessage };
  if (asked.validateOnly) return { error: errorCodes.none, errorMessage: null };
  const given = asked.configs.flatMap(({ name, value }) => (value === null ? [] : [[name, value]]));
  try {
    await topics.setConfigs(topic, Object.fromEntries(given) as Record<string, string>);
    return { error: errorCodes.none, errorMessage: null };
  } catch (error) {
    log.error({ err: error, topic: asked.name }, 'configs not stored');
    return { error: errorCodes.kafkaStorageError, errorMessage: 'The disk refused the change.' };
  }
}

function describe(
  topics: Topics,
  brokerConfigs: TopicConfigs,
  type: number,
  name: string,
): { error: ErrorNumber; configs: readonly Described[] } {
  if (type === resourceTypes.broker && (name === '' || name === String(nodeId)))
    return {
      error: errorCodes.none,
      configs: Object.entries(brokerConfigs).map(([key, value]) => ({
        name: key,
        value,
        source: sources.staticBroker,
        fallback: undefined,
        type: 'string',
        isReadOnly: true,
      })),
    };
  if (type !== resourceTypes.topic) return { error: errorCodes.invalidRequest, configs: [] };
  const topic = topics.get(name);
  if (!topic) return { error: errorCodes.unknownTopicOrPartition, configs: [] };
  return {
    error: errorCodes.none,
    configs: Object.entries(topicConfigKeys).map(([key, { type: valueType, fallback }]) => ({
      name: key,
      value: configValue(topic.configs, key),
      source: Object.hasOwn(topic.configs, key) ? sources.topic : sources.fallback,
      fallback,
      type: valueType,
      isReadOnly: false,
    })),
  };
}

function synonymsOf({ name, value, source, fallback }: Described) {
  const own = source === sources.fallback ? [] : [{ name, value, source }];
  const general =
    fallback === undefined ? [] : [{ name, value: fallback, source: sources.fallback }];
  return [...own, ...general];
}
