import { silentLogger } from '@flywheel/core';
import { createHttpClient } from '../client/http-client.ts';
import { LocalOperations } from '../operations/local-operations.ts';
import { describePeers } from './peers.contract.ts';
import { createPeers } from './peers.ts';

describePeers('in the same process', (server) => {
  const client = createHttpClient({ log: silentLogger });
  const peers = createPeers({
    client,
    local: server.local,
    draw: () => 0,
    urlOf: () => {
      throw new Error('no socket is needed');
    },
  });
  return Promise.resolve({ peers, [Symbol.asyncDispose]: () => client[Symbol.asyncDispose]() });
});

describePeers('over HTTP', async (server) => {
  const { port } = await server.listen({ port: 0, host: '127.0.0.1' });
  const client = createHttpClient({ log: silentLogger, draw: () => 0 });
  const peers = createPeers({
    client,
    local: new LocalOperations(),
    urlOf: () => `http://127.0.0.1:${port}`,
  });
  return { peers, [Symbol.asyncDispose]: () => client[Symbol.asyncDispose]() };
});
