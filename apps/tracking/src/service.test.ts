import { afterAll, beforeAll, describe } from 'vitest';
import { openBus } from '@flywheel/kafka';
import type { Bus } from '@flywheel/kafka';
import { silentLogger } from '@flywheel/core';
import { startTestProcess } from '@flywheel/runtime/testing';
import { Api } from './api-contract/api.ts';
import { describeArtifacts } from './api-contract/artifacts.contract.ts';
import { describeEvents } from './api-contract/events.contract.ts';
import { describeExperiments } from './api-contract/experiments.contract.ts';
import { describeLoggedModels } from './api-contract/logged-models.contract.ts';
import { describeLogging } from './api-contract/logging.contract.ts';
import { describeProtocol } from './api-contract/protocol.contract.ts';
import { describeRuns } from './api-contract/runs.contract.ts';
import { describeSearching } from './api-contract/searching.contract.ts';
import { tracking } from './service.ts';

let running: Awaited<ReturnType<typeof startTestProcess>>;
let bus: Bus;
let api: Api;

beforeAll(async () => {
  running = await startTestProcess([tracking]);
  api = new Api(running.url);
  bus = await openBus({
    brokers: [running.addresses['kafka'] ?? ''],
    service: 'reader',
    log: silentLogger,
  });
});
afterAll(async () => {
  await bus[Symbol.asyncDispose]();
  await running[Symbol.asyncDispose]();
});

describe('tracking', () => {
  describeProtocol(() => api);
  describeExperiments(() => api);
  describeRuns(() => api);
  describeLogging(() => api);
  describeSearching(() => api);
  describeArtifacts(() => api);
  describeLoggedModels(() => api);
  describeEvents(
    () => api,
    () => bus,
  );
});
