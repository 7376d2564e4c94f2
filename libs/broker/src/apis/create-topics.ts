import type { Logger } from '@flywheel/core';
import { defineApi } from '../protocol/api.ts';
import {
  array,
  boolean,
  int16,
  int32,
  nullableString,
  since,
  string,
  struct,
} from '../protocol/codec.ts';
import { errorCodes } from '../protocol/error-codes.ts';
import type { ErrorNumber } from '../protocol/error-codes.ts';
import { refusalOfConfigs } from '../topic-configs.ts';
import { collides, isTopicName } from '../topic-names.ts';
import type { Topics } from '../topics.ts';
import { nodeId } from './node.ts';

/** More partitions than this in one topic is taken for a mistake. */
export const mostPartitions = 10_000;

type Assignment = { readonly partition: number; readonly brokers: readonly number[] };
type Wanted = {
  readonly name: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly assignments: readonly Assignment[];
  readonly configs: readonly { readonly name: string; readonly value: string | null }[];
};
type Outcome = { readonly error: ErrorNumber; readonly message: string | null };

const done: Outcome = { error: errorCodes.none, message: null };

export function createTopics(topics: Topics, defaultPartitions: number, log: Logger) {
  return defineApi({
    key: 19,
    minVersion: 2,
    maxVersion: 4,
    request: struct({
      topics: array(
        struct({
          name: string,
          partitions: int32,
          replicationFactor: int16,
          assignments: array(struct({ partition: int32, brokers: array(int32) })),
          configs: array(struct({ name: string, value: nullableString })),
        }),
      ),
      timeoutMs: int32,
      validateOnly: since(1, boolean, false),
    }),
    response: struct({
      throttleTimeMs: since(2, int32, 0),
      topics: array(
        struct({ name: string, error: int16, errorMessage: since(1, nullableString, null) }),
      ),
    }),
    handle: async (asked) => ({
      throttleTimeMs: 0,
      topics: await Promise.all(
        asked.topics.map(async (wanted) => {
          const isTwice = asked.topics.filter(({ name }) => name === wanted.name).length > 1;
          const refusal = isTwice
            ? { error: errorCodes.invalidRequest, message: 'The topic is named twice.' }
            : refusalOf(topics, wanted);
          const canCreate = refusal === undefined && !asked.validateOnly;
          const outcome = canCreate
            ? await create(topics, wanted, defaultPartitions, log)
            : (refusal ?? done);
          return { name: wanted.name, error: outcome.error, errorMessage: outcome.message };
        }),
      ),
    }),
  });
}

function refusalOf(topics: Topics, wanted: Wanted): Outcome | undefined {
  const { name, partitions, replicationFactor, assignments, configs } = wanted;
  if (!isTopicName(name))
    return { error: errorCodes.invalidTopic, message: 'The topic name is not valid.' };
  if (topics.isTaken(name))
    return { error: errorCodes.topicAlreadyExists, message: `Topic '${name}' already exists.` };
  const rival = topics.list().find((topic) => collides(name, topic.name));
  if (rival)
    return {
      error: errorCodes.invalidTopic,
      message: `Topic '${name}' collides with existing topic '${rival.name}'.`,
    };
  const placement =
    assignments.length > 0
      ? refusalOfAssignments(assignments, partitions, replicationFactor)
      : refusalOfCounts(partitions, replicationFactor);
  if (placement) return placement;
  const message = refusalOfConfigs(configs);
  return message === undefined ? undefined : { error: errorCodes.invalidConfig, message };
}

function refusalOfCounts(partitions: number, replicationFactor: number): Outcome | undefined {
  if (partitions !== -1 && (partitions < 1 || partitions > mostPartitions))
    return {
      error: errorCodes.invalidPartitions,
      message: `Number of partitions must be from 1 to ${mostPartitions}, or -1 for the default.`,
    };
  if (replicationFactor !== -1 && replicationFactor !== 1)
    return {
      error: errorCodes.invalidReplicationFactor,
      message: 'The embedded broker is one node: the replication factor must be 1, or -1.',
    };
  return undefined;
}

function refusalOfAssignments(
  assignments: readonly Assignment[],
  partitions: number,
  replicationFactor: number,
): Outcome | undefined {
  if (partitions !== -1 || replicationFactor !== -1)
    return {
      error: errorCodes.invalidRequest,
      message: 'Partitions and replication factor must be -1 beside an assignment.',
    };
  const isRight =
    assignments.length <= mostPartitions &&
    new Set(assignments.map(({ partition }) => partition)).size === assignments.length &&
    assignments.every(
      ({ partition, brokers }) =>
        partition >= 0 &&
        partition < assignments.length &&
        brokers.length === 1 &&
        brokers[0] === nodeId,
    );
  if (isRight) return undefined;
  return {
    error: errorCodes.invalidReplicaAssignment,
    message: `Partitions must be assigned from 0 on, each to broker ${nodeId} alone.`,
  };
}

async function create(
  topics: Topics,
  { name, partitions, assignments, configs }: Wanted,
  defaultPartitions: number,
  log: Logger,
): Promise<Outcome> {
  const asked = assignments.length > 0 ? assignments.length : partitions;
  const count = asked === -1 ? defaultPartitions : asked;
  const given = configs.flatMap((one) => (one.value === null ? [] : [[one.name, one.value]]));
  try {
    await topics.create(name, count, Object.fromEntries(given) as Record<string, string>);
    return done;
  } catch (error) {
    log.error({ err: error, topic: name }, 'topic not created');
    return { error: errorCodes.kafkaStorageError, message: 'The disk refused the topic.' };
  }
}
