import { silentLogger } from '@flywheel/core';
import { describeOnlineStore } from './online-store.contract.ts';
import { openRedisOnlineStore } from './redis-online-store.ts';
import { serverAddress } from './server-address.contract.ts';

const url = serverAddress('REDIS_URL');

describeOnlineStore('redis', ({ namespace }) =>
  openRedisOnlineStore({ url, namespace, log: silentLogger }),
);
