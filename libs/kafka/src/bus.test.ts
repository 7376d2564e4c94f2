import { afterAll } from 'vitest';
import { startTestBroker } from './testing/brokers.contract.ts';
import { describeBus } from './bus.contract.ts';

const starting = startTestBroker();

afterAll(async () => (await starting)[Symbol.asyncDispose]());

describeBus('the embedded broker', async () => [(await starting).address]);
