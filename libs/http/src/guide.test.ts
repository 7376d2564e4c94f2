import { defineOperation } from '@flywheel/contracts';
import { AppError, silentLogger } from '@flywheel/core';
import { expect, it } from 'vitest';
import { z } from 'zod';
import {
  createHttpClient,
  createHttpServer,
  createPeers,
  decodePath,
  LocalOperations,
} from './index.ts';

// Chapter 1. An operation is declared once, in `contracts`, and served and called from that declaration.
const describeModel = defineOperation({
  name: 'registry.describe-model',
  service: 'registry',
  method: 'GET',
  path: '/api/registry/models/:model',
  summary: 'One model with its newest versions.',
  params: z.object({ model: z.string() }),
  query: z.object({ limit: z.coerce.number<number>().int().positive().max(100).default(10) }),
  reply: z.object({ name: z.string(), versions: z.array(z.number()) }),
});

function registry() {
  const http = createHttpServer({ log: silentLogger, checkReplies: true });
  http.operation(describeModel, ({ params, query }) => {
    if (params.model !== 'flight-delay')
      throw new AppError('not_found', 'no such model', { details: { model: params.model } });
    return { name: params.model, versions: [3, 2, 1].slice(0, query.limit) };
  });
  return http;
}

it('serves an operation: the handler gets checked values and returns a value', async () => {
  await using http = registry();

  const reply = await http.inject({ url: '/api/registry/models/flight-delay?limit=2' });

  expect(reply.json()).toEqual({ name: 'flight-delay', versions: [3, 2] });
});

// Chapter 2. Errors are thrown; the code decides the status, and a caller's mistake names the field.
it('answers errors by their code', async () => {
  await using http = registry();

  const missing = await http.inject({ url: '/api/registry/models/nope' });
  const mistaken = await http.inject({ url: '/api/registry/models/flight-delay?limit=zero' });

  expect([missing.status, missing.json()]).toEqual([
    404,
    { code: 'not_found', message: 'no such model', details: { model: 'nope' } },
  ]);
  expect([mistaken.status, mistaken.json()]).toMatchObject([
    400,
    { code: 'invalid_argument', details: { field: 'query.limit' } },
  ]);
});

// Chapter 3. A standard's surface is a route: it sees the request as it is, and words its errors in its own way.
it('serves somebody else’s protocol', async () => {
  await using http = createHttpServer({ log: silentLogger });
  http.route({
    service: 'tracking',
    name: 'tracking.get-artifact',
    summary: 'The bytes of an artifact.',
    method: 'GET',
    path: '/api/2.0/mlflow-artifacts/artifacts/*',
    body: 'none',
    handler: ({ wildcard }) => {
      const path = decodePath(wildcard ?? '');
      if (path.split('/').includes('..')) throw new AppError('invalid_argument', 'Invalid path');
      return { headers: { 'content-type': 'text/markdown' }, body: `# ${path}` };
    },
  });
  http.errorShapeFor('/api/2.0', (error) => ({
    body: { error_code: 'INVALID_PARAMETER_VALUE', message: error.message },
  }));
  const root = '/api/2.0/mlflow-artifacts/artifacts';

  const found = await http.inject({ url: `${root}/run%201/model%2Fcard.md` });
  const refused = await http.inject({ url: `${root}/..%2f..%2fetc` });

  expect(found.text).toBe('# run 1/model/card.md');
  expect([refused.status, refused.json()]).toEqual([
    400,
    { error_code: 'INVALID_PARAMETER_VALUE', message: 'Invalid path' },
  ]);
});

// Chapter 4. Integers keep their digits where a route asks for it.
it('carries 64-bit integers exactly', async () => {
  await using http = createHttpServer({ log: silentLogger });
  http.route({
    service: 'feature-store',
    name: 'feature-store.echo',
    summary: 'Echo.',
    method: 'POST',
    path: '/echo',
    body: 'json',
    bigIntegers: true,
    handler: ({ body }) => ({ body: body as object }),
  });

  const body = '{"ids":[9007199254740992,9007199254740993]}';

  expect((await http.inject({ method: 'POST', url: '/echo', body })).text).toBe(body);
});

// Chapter 5. A service calls another without knowing where it runs.
it('calls a peer here or there, with the same result and the same error', async () => {
  await using http = registry();
  const { port } = await http.listen({ port: 0, host: '127.0.0.1' });
  await using client = createHttpClient({ log: silentLogger });
  const urlOf = () => `http://127.0.0.1:${port}`;
  const here = createPeers({ client, urlOf, local: http.local });
  const there = createPeers({ client, urlOf, local: new LocalOperations() });

  for (const peers of [here, there]) {
    const model = await peers.call(describeModel, { params: { model: 'flight-delay' } });
    expect(model.versions).toEqual([3, 2, 1]);
    await expect(peers.call(describeModel, { params: { model: 'x' } })).rejects.toMatchObject({
      code: 'not_found',
      details: { model: 'x' },
    });
  }
});

// Chapter 6. A process is ready when it says so, and stops without failing a request.
it('is ready between start and drain', async () => {
  await using http = createHttpServer({ log: silentLogger });
  const ready = async () => (await http.inject({ url: '/health/ready' })).status;

  expect(await ready()).toBe(503);
  http.setReady(true);
  expect(await ready()).toBe(200);
  http.drain();
  expect(await ready()).toBe(503);
});
