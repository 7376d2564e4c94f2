import { silentLogger } from '@flywheel/core';
import { createTopics } from '../apis/create-topics.ts';
import { fetch } from '../apis/fetch.ts';
import {
  findCoordinator,
  heartbeat,
  joinGroup,
  leaveGroup,
  syncGroup,
} from '../apis/group-membership.ts';
import { offsetCommit, offsetFetch } from '../apis/group-offsets.ts';
import { initProducerId } from '../apis/init-producer-id.ts';
import { listOffsets } from '../apis/list-offsets.ts';
import { metadata } from '../apis/metadata.ts';
import { produce } from '../apis/produce.ts';
import { deleteRecords, deleteTopics } from '../apis/topic-admin.ts';
import type { WireClient } from './wire-client.ts';

const nothing = undefined as never; // only the codecs are used

export const wire = {
  produce: produce(nothing, silentLogger),
  fetch: fetch(nothing, { maxFetchBytes: 0, maxWaitMs: 0 }),
  listOffsets: listOffsets(nothing),
  metadata: metadata(nothing, nothing),
  offsetCommit: offsetCommit(nothing, nothing, silentLogger),
  offsetFetch: offsetFetch(nothing),
  findCoordinator: findCoordinator(nothing),
  joinGroup: joinGroup(nothing),
  heartbeat: heartbeat(nothing),
  leaveGroup: leaveGroup(nothing),
  syncGroup: syncGroup(nothing),
  initProducerId: initProducerId(nothing),
  createTopics: createTopics(nothing, 1, silentLogger),
  deleteTopics: deleteTopics(nothing, nothing, silentLogger),
  deleteRecords: deleteRecords(nothing, silentLogger),
};

export async function makeTopic(
  client: WireClient,
  name: string,
  { partitions = 1, configs = {} }: { partitions?: number; configs?: Record<string, string> } = {},
): Promise<void> {
  const { topics } = await client.call(wire.createTopics, 4, {
    topics: [
      {
        name,
        partitions,
        replicationFactor: -1,
        assignments: [],
        configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
      },
    ],
    timeoutMs: 1000,
    validateOnly: false,
  });
  if (topics[0]?.error !== 0) throw new Error(`topic not made: ${JSON.stringify(topics[0])}`);
}

export function produceRequest(
  name: string,
  records: Buffer,
  { partition = 0, acks = -1 }: { partition?: number; acks?: number } = {},
) {
  return {
    transactionalId: null,
    acks,
    timeoutMs: 10_000,
    topics: [{ name, partitions: [{ partition, records: [records] }] }],
  };
}

/** Error number and base offset of what became of one batch. */
export async function produceOne(
  client: WireClient,
  name: string,
  records: Buffer,
  options: { partition?: number; acks?: number; version?: number } = {},
): Promise<{ error: number; baseOffset: number }> {
  const request = produceRequest(name, records, options);
  const { topics } = await client.call(wire.produce, options.version ?? 8, request);
  const { error, baseOffset } = only(only(topics).partitions);
  return { error, baseOffset };
}

export function fetchRequest(
  name: string,
  fetchOffset: number,
  options: {
    partition?: number;
    maxBytes?: number;
    partitionMaxBytes?: number;
    minBytes?: number;
    maxWaitMs?: number;
  } = {},
) {
  return {
    replicaId: -1,
    maxWaitMs: options.maxWaitMs ?? 0,
    minBytes: options.minBytes ?? 1,
    maxBytes: options.maxBytes ?? 10_000_000,
    isolationLevel: 1,
    sessionId: 0,
    sessionEpoch: -1,
    topics: [
      {
        name,
        partitions: [
          {
            partition: options.partition ?? 0,
            currentLeaderEpoch: -1,
            fetchOffset,
            logStartOffset: -1,
            maxBytes: options.partitionMaxBytes ?? 1_000_000,
          },
        ],
      },
    ],
    forgottenTopics: [],
    rackId: '',
  };
}

export async function fetchOne(
  client: WireClient,
  name: string,
  offset: number,
  options: Parameters<typeof fetchRequest>[2] = {},
) {
  const { topics } = await client.call(wire.fetch, 11, fetchRequest(name, offset, options));
  const found = only(only(topics).partitions);
  return { ...found, bytes: Buffer.concat([...(found.records ?? [])]) };
}

function only<T>(items: readonly T[]): T {
  const [first] = items;
  if (first === undefined || items.length > 1) throw new Error(`${items.length} instead of 1`);
  return first;
}
