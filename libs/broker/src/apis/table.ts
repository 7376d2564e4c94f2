import type { Logger } from '@flywheel/core';
import type { Coordinator } from '../groups/coordinator.ts';
import type { AnyApi, Api } from '../protocol/api.ts';
import type { TopicConfigs } from '../topic-configs.ts';
import type { Topics } from '../topics.ts';
import { createAcls, deleteAcls, describeAcls } from './acls.ts';
import { apiVersions } from './api-versions.ts';
import { alterConfigs, describeConfigs, incrementalAlterConfigs } from './configs.ts';
import { createTopics } from './create-topics.ts';
import { fetch } from './fetch.ts';
import { deleteGroups, describeGroups, listGroups } from './group-admin.ts';
import {
  findCoordinator,
  heartbeat,
  joinGroup,
  leaveGroup,
  syncGroup,
} from './group-membership.ts';
import { offsetCommit, offsetFetch } from './group-offsets.ts';
import { initProducerId } from './init-producer-id.ts';
import { listOffsets } from './list-offsets.ts';
import { metadata } from './metadata.ts';
import type { Address } from './node.ts';
import { produce } from './produce.ts';
import { createPartitions, deleteRecords, deleteTopics } from './topic-admin.ts';

export type ApiParts = {
  readonly topics: Topics;
  readonly coordinator: Coordinator;
  readonly advertised: () => Address;
  readonly brokerConfigs: () => TopicConfigs;
  readonly defaultPartitions: number;
  readonly maxFetchBytes: number;
  readonly maxFetchWaitMs: number;
  readonly log: Logger;
};

/** Everything the broker answers, by API key: from Kafka 4's lowest version to the last without flexible fields. */
export function apiTable(parts: ApiParts): ReadonlyMap<number, AnyApi> {
  const { topics, coordinator, advertised, log } = parts;
  const served = [
    erase(produce(topics, log)),
    erase(fetch(topics, { maxFetchBytes: parts.maxFetchBytes, maxWaitMs: parts.maxFetchWaitMs })),
    erase(listOffsets(topics)),
    erase(metadata(topics, advertised)),
    erase(offsetCommit(coordinator, topics, log)),
    erase(offsetFetch(coordinator)),
    erase(findCoordinator(advertised)),
    erase(joinGroup(coordinator)),
    erase(heartbeat(coordinator)),
    erase(leaveGroup(coordinator)),
    erase(syncGroup(coordinator)),
    erase(describeGroups(coordinator)),
    erase(listGroups(coordinator)),
    erase(createTopics(topics, parts.defaultPartitions, log)),
    erase(deleteTopics(topics, coordinator, log)),
    erase(deleteRecords(topics, log)),
    erase(initProducerId(topics)),
    erase(describeAcls()),
    erase(createAcls()),
    erase(deleteAcls()),
    erase(describeConfigs(topics, parts.brokerConfigs)),
    erase(alterConfigs(topics, log)),
    erase(createPartitions(topics, log)),
    erase(deleteGroups(coordinator)),
    erase(incrementalAlterConfigs(topics, log)),
  ];
  return new Map([...served, erase(apiVersions(served))].map((api) => [api.key, api]));
}

/** Each API is only ever given what its own codec read, so its types may be forgotten. */
function erase<Request, Response>(api: Api<Request, Response>): AnyApi {
  return api;
}
