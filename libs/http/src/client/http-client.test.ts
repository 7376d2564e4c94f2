import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { defineOperation } from '@flywheel/contracts';
import { silentLogger } from '@flywheel/core';
import type { AppError } from '@flywheel/core';
import { eventually } from '@flywheel/core/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { HttpTracing } from '../server/ports.ts';
import { createHttpClient } from './http-client.ts';
import type { HttpClient, HttpClientOptions } from './http-client.ts';

const get = defineOperation({
  name: 'registry.get-model',
  service: 'registry',
  method: 'GET',
  path: '/api/registry/models/:model',
  summary: 'Gets.',
  params: z.object({ model: z.string() }),
  reply: z.object({ name: z.string() }),
});
const create = defineOperation({
  name: 'registry.create-model',
  service: 'registry',
  method: 'POST',
  path: '/api/registry/models',
  summary: 'Creates.',
  body: z.object({ name: z.string() }),
  reply: z.object({ name: z.string() }),
});
const model = { params: { model: 'm' } };
const body = { body: { name: 'm' } };

type Peer = AsyncDisposable & { readonly url: string; readonly seen: IncomingMessage[] };

/** A peer that is not ours, or not in order. */
async function peer(
  answer: (request: IncomingMessage, response: ServerResponse, call: number) => void,
): Promise<Peer> {
  const seen: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    seen.push(request);
    request.resume();
    answer(request, response, seen.length);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function client(options: Partial<HttpClientOptions> = {}): HttpClient {
  return createHttpClient({ log: silentLogger, draw: () => 0, ...options });
}

async function errorOf(call: Promise<unknown>): Promise<Partial<AppError>> {
  const { code, message, details } = await call.then(
    () => {
      throw new Error('the call succeeded');
    },
    (error: unknown) => error as AppError,
  );
  return { code, message, ...(details === undefined ? {} : { details }) };
}

const whereabouts = { service: 'registry', operation: 'registry.get-model' };

describe('a call', () => {
  it('goes under the path of the base address, with JSON and the headers of tracing', async () => {
    const tracing: HttpTracing = {
      serve: (_, work) => work(),
      call: ({ operation }, work) => work({ traceparent: `00-${operation}` }),
    };
    await using http = client({ tracing });
    await using registry = await peer((_, response) => response.end('{"name":"m","more":1}'));

    expect(await http.call(`${registry.url}/behind/proxy/`, create, body)).toEqual({ name: 'm' });
    expect(registry.seen[0]).toMatchObject({
      method: 'POST',
      url: '/behind/proxy/api/registry/models',
      headers: {
        'content-type': 'application/json',
        'content-length': '12',
        accept: 'application/json',
        traceparent: '00-registry.create-model',
      },
    });
  });

  it('keeps its connection', async () => {
    await using http = client();
    await using registry = await peer((_, response) => response.end('{"name":"m"}'));
    for (let call = 0; call < 20; call++) await http.call(registry.url, get, model);

    expect(new Set(registry.seen.map(({ socket }) => socket)).size).toBeLessThanOrEqual(2);
  });

  it.each([
    [404, '<html>nothing here</html>', 'not_found', 'peer answered with an error', { status: 404 }],
    [404, '{"error_code":"RDNE","message":"no run"}', 'not_found', 'no run', undefined],
    [400, '{"error":"bad tensor"}', 'invalid_argument', 'bad tensor', undefined],
    [418, '', 'invalid_argument', 'peer answered with an error', { status: 418 }],
    [302, '', 'internal', 'peer answered with an error', { status: 302, ...whereabouts }],
    [500, '{"code":"toString","message":"x"}', 'internal', 'x', whereabouts],
    [
      409,
      '{"code":"conflict","message":"stale","details":{"revision":3}}',
      'conflict',
      'stale',
      { revision: 3 },
    ],
  ])('turns a reply of %i and %j into an error', async (status, text, code, message, details) => {
    await using http = client();
    await using registry = await peer((_, response) => response.writeHead(status).end(text));

    expect(await errorOf(http.call(registry.url, get, model))).toEqual({
      code,
      message,
      ...(details === undefined ? {} : { details }),
    });
  });

  it.each([
    ['not JSON', { field: 'reply', rule: 'must be JSON' }],
    ['{"name":1}', { field: 'reply.name', rule: 'expected string, received number' }],
    ['', { field: 'reply', rule: 'is required' }],
  ])('does not take the success %j for a reply', async (text, rule) => {
    await using http = client();
    await using registry = await peer((_, response) => response.end(text));

    expect(await errorOf(http.call(registry.url, get, model))).toEqual({
      code: 'internal',
      message: 'reply does not match its contract',
      details: { ...whereabouts, ...rule },
    });
  });
});

describe('a retry', () => {
  it.each([503, 502, 504, 429])('follows a %i where asking twice does no harm', async (status) => {
    await using http = client();
    await using registry = await peer((_, response, call) => {
      if (call < 3) response.writeHead(status).end();
      else response.end('{"name":"m"}');
    });

    expect(await http.call(registry.url, get, model)).toEqual({ name: 'm' });
    expect(registry.seen).toHaveLength(3);
  });

  it('does not follow where it might do something twice', async () => {
    await using http = client();
    await using busy = await peer((_, response) => response.writeHead(503).end());
    await using cutting = await peer((request) => request.socket.destroy());

    expect(await errorOf(http.call(busy.url, create, body))).toMatchObject({ code: 'unavailable' });
    expect(await errorOf(http.call(cutting.url, create, body))).toMatchObject({
      code: 'unavailable',
      message: 'peer cannot be reached',
    });
    expect([busy.seen.length, cutting.seen.length]).toEqual([1, 1]);
  });

  it('follows a cut connection for a GET', async () => {
    await using http = client();
    await using registry = await peer((request, response, call) => {
      if (call === 1) request.socket.destroy();
      else response.end('{"name":"m"}');
    });

    expect(await http.call(registry.url, get, model)).toEqual({ name: 'm' });
  });

  it('follows for any method while nobody listens yet', async () => {
    await using http = client({ draw: () => 1 });
    const reserved = await peer(() => undefined);
    await reserved[Symbol.asyncDispose]();
    const port = Number(new URL(reserved.url).port);
    const call = http.call(reserved.url, create, body);
    const late = createServer((request, response) => {
      request.resume();
      response.end('{"name":"m"}');
    });
    setTimeout(() => late.listen(port, '127.0.0.1'), 20);

    expect(await call).toEqual({ name: 'm' });
    late.close();
    late.closeAllConnections();
  });

  it('goes on until the deadline for a patient caller', async () => {
    await using http = client();
    await using registry = await peer((_, response, call) => {
      if (call < 6) response.writeHead(503).end();
      else response.end('{"name":"m"}');
    });

    expect(await http.call(registry.url, get, model, { patient: true })).toEqual({ name: 'm' });
    expect(registry.seen).toHaveLength(6);
  });

  it('repeats a POST that is idempotent, or whose caller allows it', async () => {
    await using http = client();
    await using registry = await peer((request, response, call) => {
      if (call % 2 === 1) request.socket.destroy();
      else response.end('{"name":"m"}');
    });

    expect(await http.call(registry.url, { ...create, idempotent: true }, body)).toEqual({
      name: 'm',
    });
    const failures: string[] = [];
    const onRetry = ({ code }: AppError) => void failures.push(code);
    expect(await http.call(registry.url, create, body, { mayRepeat: true, onRetry })).toEqual({
      name: 'm',
    });
    expect(registry.seen).toHaveLength(4);
    expect(failures).toEqual(['unavailable']);
  });

  it('ends with the error that tells which call it was', async () => {
    await using http = client();
    const gone = await peer(() => undefined);
    await gone[Symbol.asyncDispose]();

    expect(await errorOf(http.call(gone.url, get, model))).toEqual({
      code: 'unavailable',
      message: 'peer cannot be reached',
      details: whereabouts,
    });
  });

  it('does not wait past the deadline', async () => {
    await using http = client();
    const text = JSON.stringify({
      code: 'unavailable',
      message: 'x',
      details: { retryAfterMs: 60_000 },
    });
    await using registry = await peer((_, response) => response.writeHead(503).end(text));
    const startedMs = performance.now();

    expect(await errorOf(http.call(registry.url, get, model))).toMatchObject({
      code: 'unavailable',
    });
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    expect(registry.seen).toHaveLength(1);
  });
});

describe('a deadline', () => {
  it.each([
    ['never answers', () => undefined],
    [
      'never ends its body',
      (_: IncomingMessage, response: ServerResponse) => void response.write('{"na'),
    ],
  ])('ends a call to a peer that %s, and its connection', async (_, answer) => {
    await using http = client({ timeoutMs: 50 });
    await using registry = await peer(answer);

    expect(await errorOf(http.call(registry.url, get, model))).toEqual({
      code: 'deadline_exceeded',
      message: 'deadline exceeded',
      details: { ...whereabouts, timeoutMs: 50 },
    });
    await eventually(() => expect(registry.seen[0]?.socket.destroyed).toBe(true));
  });

  it('leaves no listener on the signal of the caller', async () => {
    await using http = client();
    await using registry = await peer((_, response) => response.end('{"name":"m"}'));
    const { signal } = new AbortController();
    let listeners = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners--;
      remove(...args);
    };
    for (let call = 0; call < 10; call++) await http.call(registry.url, get, model, { signal });

    expect(listeners).toBe(0);
  });
});

describe('send', () => {
  it('gives the reply of any status, with its bytes, text, JSON or stream', async () => {
    await using http = client();
    await using other = await peer((request, response) => {
      response.writeHead(request.url === '/gone' ? 410 : 200, { 'x-seen': request.method });
      response.end('{"a":1}');
    });

    const gone = await http.send(`${other.url}/gone`, {
      method: 'POST',
      body: Readable.from(['x']),
    });
    expect([gone.status, gone.headers['x-seen'], await gone.text()]).toEqual([
      410,
      'POST',
      '{"a":1}',
    ]);
    expect(await (await http.send(other.url)).json()).toEqual({ a: 1 });
    expect(await (await http.send(other.url)).bytes()).toEqual(Buffer.from('{"a":1}'));
    const { body: stream } = await http.send(other.url);
    expect(Buffer.concat((await stream.toArray()) as Buffer[]).toString()).toBe('{"a":1}');
  });

  it('does not follow redirects', async () => {
    await using http = client();
    await using other = await peer((_, response) =>
      response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
    );

    expect((await http.send(other.url)).status).toBe(302);
  });

  it('keeps its deadline until the body is read', async () => {
    await using http = client();
    await using slow = await peer((_, response) => void response.write('part'));
    const reply = await http.send(slow.url, { timeoutMs: 50 });

    expect(await errorOf(reply.text())).toMatchObject({ code: 'deadline_exceeded' });
    expect(await errorOf(http.send('http://127.0.0.1:1/'))).toMatchObject({ code: 'unavailable' });
    expect(await errorOf(http.send('no url'))).toMatchObject({ code: 'invalid_argument' });
  });
});
