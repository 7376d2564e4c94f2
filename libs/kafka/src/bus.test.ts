import { afterAll } from 'vitest';
import { startTestBroker } from '@flywheel/broker/testing';
import { describeBus } from './bus.contract.ts';

const starting = startTestBroker();

afterAll(async () => (await starting)[Symbol.asyncDispose]());

describeBus('the embedded broker', async () => [(await starting).address]);
