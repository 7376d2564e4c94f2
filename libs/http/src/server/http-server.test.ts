import { createServer } from 'node:net';
import { Readable } from 'node:stream';
import { deflateSync, gzipSync } from 'node:zlib';
import { defineOperation } from '@flywheel/contracts';
import { AppError, silentLogger } from '@flywheel/core';
import type { Logger } from '@flywheel/core';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createHttpServer } from './http-server.ts';
import type { HttpServer, HttpServerOptions } from './http-server.ts';
import type { RawRoute } from './raw-route.ts';

const renameItems = defineOperation({
  name: 'ingestion.rename-items',
  service: 'ingestion',
  method: 'POST',
  path: '/api/ingestion/datasets/:dataset/items',
  summary: 'Renames <items> & counts them.',
  params: z.object({ dataset: z.string() }),
  query: z.object({
    limit: z.coerce.number().int().max(10).default(5),
    tag: z.array(z.string()).default([]),
  }),
  body: z.object({ items: z.array(z.object({ name: z.string() })) }),
  reply: z.object({ dataset: z.string(), limit: z.number(), tags: z.array(z.string()) }),
  status: 201,
});

const echo = (path: string, body: RawRoute['body'], more: Partial<RawRoute> = {}) =>
  ({
    service: 'router',
    name: `router.echo-${path}`,
    summary: 'Echo.',
    method: 'POST',
    path,
    body,
    handler: (request: { body: unknown }) => ({ body: request.body as object }),
    ...more,
  }) as RawRoute;

function serverWith(
  routes: readonly RawRoute[],
  options: Partial<HttpServerOptions> = {},
): HttpServer {
  const server = createHttpServer({ log: silentLogger, ...options });
  for (const route of routes) server.route(route);
  return server;
}

function recordingLogger(): Logger & {
  lines: { level: string; fields: object; message: string }[];
} {
  const lines: { level: string; fields: object; message: string }[] = [];
  const at = (level: string) => (fields: object, message: string) =>
    void lines.push({ level, fields, message });
  const log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  return { ...log, child: () => ({ ...log, child: () => silentLogger }), lines };
}

describe('an operation', () => {
  function served() {
    const server = createHttpServer({ log: silentLogger, checkReplies: true });
    server.operation(renameItems, ({ params, query }) => ({
      dataset: params.dataset,
      limit: query.limit,
      tags: query.tag,
    }));
    return server;
  }
  const url = '/api/ingestion/datasets/flights%2F2001/items';

  it('gets params decoded once, query values with defaults and lists, and answers with its status', async () => {
    await using server = served();

    const reply = await server.inject({
      method: 'POST',
      url: `/api/ingestion/datasets/a%252Fb/items?tag=x`,
      body: { items: [] },
    });

    expect(reply.status).toBe(201);
    expect(reply.json()).toEqual({ dataset: 'a%2Fb', limit: 5, tags: ['x'] });
  });

  it.each([
    ['{"items":[{"nam":1}]}', 'body.items[0].name: is required'],
    ['{"items":[{"name":7}]}', 'body.items[0].name: expected string, received number'],
    ['{"items":{}}', 'body.items: expected array, received object'],
    ['null', 'body: expected object, received null'],
    ['[]', 'body: expected object, received array'],
    ['', 'body: is required'],
    [
      '{',
      'body: is not valid JSON at position 1 (line 1, column 2): expected a name in double quotes',
    ],
    ['['.repeat(100_000), 'body: is nested deeper than 100 levels'],
    ['{"__proto__":{}}', 'body.__proto__: is not an allowed name'],
  ])('answers 400 and names the field for the body %.60j', async (body, message) => {
    await using server = served();

    const reply = await server.inject({ method: 'POST', url, body });

    expect(reply.status).toBe(400);
    expect(reply.json()).toMatchObject({
      code: 'invalid_argument',
      message,
      details: { field: expect.stringMatching(/^body/) as string },
    });
  });

  it('names a wrong query value and lists all issues', async () => {
    await using server = served();

    const reply = await server.inject({
      method: 'POST',
      url: `${url}?limit=99`,
      body: { items: [1, { name: 2 }] },
    });
    const items = await server.inject({ method: 'POST', url, body: { items: [1, { name: 2 }] } });

    expect(reply.json()).toMatchObject({ message: 'query.limit: expected number to be <=10' });
    expect(items.json()).toMatchObject({
      details: {
        issues: [
          { field: 'body.items[0]', rule: 'expected object, received number' },
          { field: 'body.items[1].name', rule: 'expected string, received number' },
        ],
      },
    });
  });

  it.each([
    'application/json',
    'application/json; charset=utf-8',
    'text/plain',
    'application/x-www-form-urlencoded',
    ';;;',
    '',
  ])('takes JSON under the content type %j', async (type) => {
    await using server = served();

    const reply = await server.inject({
      method: 'POST',
      url,
      headers: type === '' ? {} : { 'content-type': type },
      body: '{"items":[]}',
    });

    expect(reply.status).toBe(201);
  });

  it('that breaks its own contract is a bug where replies are checked', async () => {
    const log = recordingLogger();
    await using server = createHttpServer({ log, checkReplies: true });
    server.operation(renameItems, () => ({ dataset: 1 }) as never);

    const reply = await server.inject({ method: 'POST', url, body: { items: [] } });

    expect(reply.json()).toEqual({ code: 'internal', message: 'internal error' });
    expect(log.lines).toHaveLength(1);
  });
});

describe('errors', () => {
  const failing = (thrown: unknown) =>
    echo('/fail', 'none', {
      method: 'GET',
      handler: () => {
        throw thrown;
      },
    });

  it.each([
    [
      new AppError('not_found', 'no such run', { details: { run: 'r' } }),
      404,
      { code: 'not_found', message: 'no such run', details: { run: 'r' } },
    ],
    [new AppError('conflict', 'stale'), 409, { code: 'conflict', message: 'stale' }],
    [
      new AppError('unavailable', 'secret host db-7'),
      503,
      { code: 'unavailable', message: 'service unavailable' },
    ],
    [new TypeError('secret'), 500, { code: 'internal', message: 'internal error' }],
    ['a string', 500, { code: 'internal', message: 'internal error' }],
    [undefined, 500, { code: 'internal', message: 'internal error' }],
  ])('maps what is thrown by the table: %s', async (thrown, status, body) => {
    await using server = serverWith([failing(thrown)]);

    const reply = await server.inject({ url: '/fail' });

    expect(reply.status).toBe(status);
    expect(reply.json()).toEqual(body);
  });

  it('logs a bug once, at error, with its stack', async () => {
    const log = recordingLogger();
    await using server = serverWith([failing(new TypeError('bug'))], { log });

    await server.inject({ url: '/fail' });

    expect(log.lines).toEqual([
      {
        level: 'error',
        message: 'request failed',
        fields: expect.objectContaining({
          operation: 'router.echo-/fail',
          status: 500,
          err: expect.objectContaining({ cause: expect.any(TypeError) as TypeError }) as Error,
        }) as object,
      },
    ]);
  });

  it('tells when to come back', async () => {
    await using server = serverWith([
      failing(new AppError('resource_exhausted', 'too many', { details: { retryAfterMs: 2500 } })),
    ]);

    expect((await server.inject({ url: '/fail' })).headers['retry-after']).toBe('3');
  });

  it('are worded by the surface they happen on, unknown paths and methods included', async () => {
    await using server = serverWith([
      echo('/v2/models/:model/infer', 'buffer'),
      { ...failing(new AppError('not_found', 'no run')), path: '/api/2.0/mlflow/runs/get' },
    ]);
    server.errorShapeFor('/v2', (error) => ({ body: { error: error.message } }));
    server.errorShapeFor('/api/2.0/mlflow', (error) => ({
      status: 400,
      body: { error_code: 'X', message: error.message },
    }));

    const [unknown, method, mlflow, unknownMlflow, native, nativeLike] = await Promise.all([
      server.inject({ url: '/v2/nope' }),
      server.inject({ url: '/v2/models/m/infer', method: 'DELETE' }),
      server.inject({ url: '/api/2.0/mlflow/runs/get' }),
      server.inject({ url: '/api/2.0/mlflow/nope' }),
      server.inject({ url: '/no/such/path' }),
      server.inject({ url: '/v2x' }),
    ]);

    expect([unknown.status, unknown.json()]).toEqual([404, { error: 'no such path' }]);
    expect([method.status, method.headers['allow'], method.json()]).toEqual([
      405,
      'POST',
      { error: 'method: must be POST' },
    ]);
    expect([mlflow.status, mlflow.json()]).toEqual([400, { error_code: 'X', message: 'no run' }]);
    expect(unknownMlflow.json()).toMatchObject({ error_code: 'X' });
    expect([native.status, native.json()]).toEqual([
      404,
      { code: 'not_found', message: 'no such path' },
    ]);
    expect(nativeLike.json()).toMatchObject({ code: 'not_found' });
  });
});

describe('paths', () => {
  const show: RawRoute = {
    service: 'tracking',
    name: 'tracking.show',
    summary: 'Shows.',
    method: 'GET',
    path: '/artifacts/:run/*',
    body: 'none',
    handler: ({ params, wildcard, query }) => ({
      body: { params, wildcard, query: [...query] },
    }),
  };

  it.each([
    [
      '/artifacts/r%20x/a%2Fb/c%252F?p=1&p=%2B+%zz',
      {
        params: { run: 'r x' },
        wildcard: 'a%2Fb/c%252F',
        query: [
          ['p', '1'],
          ['p', '+ %zz'],
        ],
      },
    ],
    [
      '/artifacts/%2e%2e%2f/..%2f..%2fetc',
      { params: { run: '../' }, wildcard: '..%2f..%2fetc', query: [] },
    ],
    ['/artifacts/r/', { params: { run: 'r' }, wildcard: '', query: [] }],
  ])('%s is decoded once, the wildcard not at all', async (url, seen) => {
    await using server = serverWith([show]);

    expect((await server.inject({ url })).json()).toEqual(seen);
  });

  it.each([
    '/artifacts/%00/x',
    '/artifacts/a%00b/x',
    '/artifacts/%ff/x',
    '/artifacts/%zz/x',
    '/artifacts/%/x',
    `/artifacts/${'a'.repeat(5000)}/x`,
  ])('%.40s is the caller’s mistake', async (url) => {
    await using server = serverWith([show]);

    const reply = await server.inject({ url });

    expect(reply.status).toBe(400);
    expect(reply.json()).toMatchObject({ code: 'invalid_argument' });
  });

  it('that are registered twice are refused at once', () => {
    const server = serverWith([show]);

    expect(() => server.route({ ...show, name: 'other', path: '/artifacts/:id/*' })).toThrow(
      'are both GET /artifacts/:/*',
    );
    expect(() => server.route({ ...show, path: '/x' })).toThrow('registered twice');
  });
});

describe('bodies', () => {
  const text = '{"a":[1,2,9007199254740993]}';

  it.each([
    ['gzip', gzipSync(text)],
    ['x-gzip', gzipSync(text)],
    ['deflate', deflateSync(text)],
    ['identity', Buffer.from(text)],
  ])('in %s arrive inflated in every kind of route', async (encoding, body) => {
    await using server = serverWith([
      echo('/buffer', 'buffer'),
      echo('/stream', 'stream'),
      echo('/json', 'json', { bigIntegers: true }),
    ]);

    for (const url of ['/buffer', '/stream', '/json']) {
      const reply = await server.inject({
        method: 'POST',
        url,
        headers: { 'content-encoding': encoding },
        body,
      });
      expect([url, reply.status, reply.text]).toEqual([url, 200, text]);
    }
  });

  it.each([
    ['gzip', Buffer.from('not gzip'), 400, 'body: is not valid gzip'],
    ['gzip', gzipSync('x'.repeat(5000)).subarray(0, 20), 400, 'body: is not valid gzip'],
    ['deflate', gzipSync('x'), 400, 'body: is not valid deflate'],
    ['br', Buffer.from('x'), 400, 'content-encoding: must be gzip, deflate or identity'],
    ['gzip', gzipSync(Buffer.alloc(50_000_000)), 413, 'body is too large'],
  ])('in broken %s, case %#, are refused', async (encoding, body, status, message) => {
    const collect = async ({ body: stream }: { body: unknown }) => ({
      body: Buffer.concat(await (stream as Readable).toArray()),
    });
    await using server = serverWith([
      echo('/buffer', 'buffer', { bodyLimitBytes: 1_000_000 }),
      echo('/stream', 'stream', { bodyLimitBytes: 1_000_000, handler: collect as never }),
    ]);

    for (const url of ['/buffer', '/stream']) {
      const headers = { 'content-encoding': encoding };
      const reply = await server.inject({ method: 'POST', url, headers, body });
      expect([url, reply.status, reply.json()]).toEqual([
        url,
        status,
        expect.objectContaining({ message }),
      ]);
    }
  });

  it('of GET and DELETE are parsed, and may be missing there', async () => {
    await using server = serverWith([echo('/json', 'json', { method: ['GET', 'DELETE', 'POST'] })]);
    const asked = async (method: 'GET' | 'DELETE' | 'POST', body?: string) => {
      const reply = await server.inject({
        method,
        url: '/json',
        ...(body === undefined ? {} : { body }),
      });
      return [reply.status, reply.text];
    };

    expect(await asked('GET', '{"a":1}')).toEqual([200, '{"a":1}']);
    expect(await asked('DELETE', '{"a":1}')).toEqual([200, '{"a":1}']);
    expect(await asked('DELETE')).toEqual([200, '']);
    expect((await asked('POST'))[0]).toBe(400);
  });
});

describe('replies', () => {
  it('take their content type from the body, unless told', async () => {
    const bodies = {
      '/text': 'x',
      '/bytes': new Uint8Array([120]),
      '/stream': () => Readable.from(['x', 'y']),
      '/json': { id: 2n ** 60n },
      '/none': undefined,
    };
    await using server = serverWith(
      Object.entries(bodies).map(([path, body]) =>
        echo(path, 'none', {
          method: 'GET',
          handler: () => ({ body: typeof body === 'function' ? body() : body }),
        }),
      ),
    );
    const get = async (url: string) => {
      const reply = await server.inject({ url });
      return [reply.status, reply.headers['content-type'], reply.text];
    };

    expect(await get('/text')).toEqual([200, 'text/plain; charset=utf-8', 'x']);
    expect(await get('/bytes')).toEqual([200, 'application/octet-stream', 'x']);
    expect(await get('/stream')).toEqual([200, 'application/octet-stream', 'xy']);
    expect(await get('/json')).toEqual([
      200,
      'application/json; charset=utf-8',
      '{"id":1152921504606846976}',
    ]);
    expect(await get('/none')).toEqual([200, undefined, '']);
  });

  it('to HEAD are those to GET without the body', async () => {
    await using server = serverWith([
      echo('/text', 'none', { method: 'GET', handler: () => ({ body: 'four' }) }),
    ]);

    const reply = await server.inject({ method: 'HEAD', url: '/text' });

    expect([reply.status, reply.headers['content-length'], reply.text]).toEqual([200, '4', '']);
  });

  it('that cannot be sent are bugs, not silence', async () => {
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    await using server = serverWith([
      echo('/cycle', 'none', { method: 'GET', handler: () => ({ body: cycle }) }),
      echo('/header', 'none', {
        method: 'GET',
        handler: () => ({ headers: { 'x-bad': 'a\nb' }, body: 'x' }),
      }),
      echo('/status', 'none', { method: 'GET', handler: () => ({ status: 42, body: 'x' }) }),
      echo('/stream', 'none', {
        method: 'GET',
        handler: () => ({
          body: new Readable({
            read() {
              this.destroy(new AppError('not_found', 'no such file'));
            },
          }),
        }),
      }),
    ]);

    for (const url of ['/cycle', '/header', '/status'])
      expect([url, (await server.inject({ url })).status]).toEqual([url, 500]);
    expect((await server.inject({ url: '/stream' })).json()).toMatchObject({
      message: 'no such file',
    });
  });
});

describe('built-in routes', () => {
  it('tell life, readiness, metrics and settings', async () => {
    await using server = serverWith([], {
      metricsText: () => 'up 1\n',
      statusConfig: () => ({ PORT: 1 }),
    });
    const get = async (url: string) => {
      const reply = await server.inject({ url });
      return [
        reply.status,
        reply.headers['content-type'] === 'application/json; charset=utf-8'
          ? reply.json()
          : reply.text,
      ];
    };

    expect(await get('/health/live')).toEqual([200, { live: true }]);
    expect(await get('/health/ready')).toEqual([503, { ready: false, reason: 'starting' }]);
    server.setReady(true);
    expect(await get('/health/ready')).toEqual([200, { ready: true }]);
    expect(await get('/metrics')).toEqual([200, 'up 1\n']);
    expect(await get('/status/config')).toEqual([200, { PORT: 1 }]);
    server.drain();
    expect(await get('/health/ready')).toEqual([503, { ready: false, reason: 'stopping' }]);
    expect((await server.inject({ url: '/health/live' })).headers['connection']).toBe('close');
  });

  it('document every operation, escaped, as OpenAPI 3.1 and as a page', async () => {
    await using server = serverWith([
      echo('/v2/models/:model/infer', 'buffer'),
      echo('/files/*', 'none', { method: ['GET', 'PUT'] }),
    ]);
    server.operation(renameItems, () => ({ dataset: '', limit: 1, tags: [] }));

    const document = (await server.inject({ url: '/openapi.json' })).json() as {
      paths: Record<string, Record<string, object>>;
    };
    const page = await server.inject({ url: '/docs' });

    expect(document).toMatchObject({ openapi: '3.1.0' });
    expect(document.paths['/api/ingestion/datasets/{dataset}/items']?.['post']).toMatchObject({
      operationId: 'ingestion.rename-items',
      tags: ['ingestion'],
      parameters: [
        { name: 'dataset', in: 'path', required: true, schema: { type: 'string' } },
        {
          name: 'limit',
          in: 'query',
          required: false,
          schema: { type: 'integer', maximum: 10, default: 5 },
        },
        { name: 'tag', in: 'query', required: false, schema: { type: 'array' } },
      ],
      requestBody: {
        content: { 'application/json': { schema: { type: 'object', required: ['items'] } } },
      },
      responses: { '201': {}, default: {} },
    });
    expect(Object.keys(document.paths['/files/{path}'] ?? {})).toEqual(['get', 'put']);
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(page.text).toContain('Renames &lt;items&gt; &amp; counts them.');
    expect(page.text).not.toContain('<items>');
    for (const route of server.operations())
      expect(page.text).toContain(`<code>${route.name}</code>`);
  });
});

describe('listening', () => {
  it('tells that the port is taken', async () => {
    await using first = serverWith([]);
    const { port } = await first.listen({ port: 0, host: '127.0.0.1' });
    await using second = serverWith([]);

    await expect(second.listen({ port, host: '127.0.0.1' })).rejects.toMatchObject({
      code: 'conflict',
      message: 'port is already in use',
      details: { port },
    });
  });

  it('gives the port back when it closes', async () => {
    const server = serverWith([]);
    const { port } = await server.listen({ port: 0, host: '127.0.0.1' });
    await server[Symbol.asyncDispose]();

    await new Promise<void>((resolve, reject) => {
      const probe = createServer()
        .once('error', reject)
        .listen(port, '127.0.0.1', () => probe.close(() => resolve()));
    });
  });
});
