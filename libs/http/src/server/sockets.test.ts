import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { AppError, silentLogger } from '@flywheel/core';
import { eventually } from '@flywheel/core/testing';
import { describe, expect, it } from 'vitest';
import { createHttpServer } from './http-server.ts';
import type { HttpServer, HttpServerOptions } from './http-server.ts';
import type { BodyKind, BodyOf, RawReply, RawRequest, RawRoute, RouteMethod } from './raw-route.ts';

type Listening = AsyncDisposable & {
  readonly server: HttpServer;
  readonly port: number;
  readonly url: string;
  readonly statuses: number[];
};

async function listening(
  routes: readonly RawRoute[],
  options: Partial<HttpServerOptions> = {},
): Promise<Listening> {
  const statuses: number[] = [];
  const server = createHttpServer({
    log: silentLogger,
    metrics: { answered: ({ status }) => void statuses.push(status) },
    ...options,
  });
  for (const route of routes) server.route(route);
  const { port } = await server.listen({ port: 0, host: '127.0.0.1' });
  return {
    server,
    port,
    url: `http://127.0.0.1:${port}`,
    statuses,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

type Making<Kind extends BodyKind> = {
  body: Kind;
  method?: RouteMethod;
  path?: string;
  bodyLimitBytes?: number;
  handler(request: RawRequest<BodyOf[Kind]>): Promise<RawReply> | RawReply;
};

function route<Kind extends BodyKind>(name: string, more: Making<Kind>): RawRoute {
  const known = { service: 'router', summary: 'For tests.', method: 'POST' } as const;
  return { ...known, name: `router.${name}`, path: `/${name}`, ...more } as unknown as RawRoute;
}

/** A handler that has begun is waited for before the client does something to it. */
function began(): { readonly promise: Promise<void>; readonly now: () => void } {
  let now: () => void = () => undefined;
  const promise = new Promise<void>((resolve) => (now = resolve));
  return { promise, now };
}

/** A client that writes bytes as they are and sees what comes back. */
class Wire implements Disposable {
  readonly #socket: Socket;
  #received = '';
  #isClosed = false;

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1');
    this.#socket.on('data', (chunk) => (this.#received += chunk.toString('latin1')));
    this.#socket.on('close', () => (this.#isClosed = true)).on('error', () => undefined);
  }

  get socket(): Socket {
    return this.#socket;
  }

  get received(): string {
    return this.#received;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  send(...parts: (string | Buffer)[]): void {
    for (const part of parts) this.#socket.write(part);
  }

  /** The next whole reply with a length, taken off what was received. */
  reply(withinMs = 5_000): Promise<{ status: number; head: string; body: string }> {
    return eventually(
      () => {
        const end = this.#received.indexOf('\r\n\r\n');
        if (end < 0) throw new Error(`no reply yet: ${this.#received.slice(0, 200)}`);
        const head = this.#received.slice(0, end);
        const size = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
        const body = this.#received.slice(end + 4, end + 4 + size);
        if (body.length < size) throw new Error('reply is not whole yet');
        this.#received = this.#received.slice(end + 4 + size);
        return { status: Number(head.slice(9, 12)), head: head.toLowerCase(), body };
      },
      { withinMs, everyMs: 2 },
    );
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}

function post(path: string, body: string | Buffer, headers = ''): (string | Buffer)[] {
  const length = Buffer.byteLength(body);
  return [
    `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: ${length}\r\n${headers}\r\n`,
    body,
  ];
}

const small = post('/size', 'small');
const size = (limit?: number): RawRoute =>
  route('size', {
    body: 'buffer',
    ...(limit === undefined ? {} : { bodyLimitBytes: limit }),
    handler: ({ body }) => ({ body: { size: body.length } }),
  });

describe('a connection after a large body', () => {
  const large = Buffer.alloc(5_000_000, 'a');

  it('goes on when the body was allowed', async () => {
    await using http = await listening([size()]);
    using wire = new Wire(http.port);

    for (let round = 0; round < 10; round++) {
      wire.send(...post('/size', large), ...small);

      expect((await wire.reply()).body).toBe('{"size":5000000}');
      expect((await wire.reply()).body).toBe('{"size":5}');
    }
  });

  it.each([
    ['above the limit', '/size', 413],
    ['on an unknown path', '/unknown', 404],
    ['refused before it is read', '/refusing', 404],
    ['on a route without body', '/bodyless', 200],
  ])('is closed after the reply when it was %s', async (_, path, status) => {
    await using http = await listening([
      size(1_000_000),
      route('bodyless', { body: 'none', handler: () => ({ body: 'ok' }) }),
      route('refusing', {
        body: 'stream',
        handler: () => {
          throw new AppError('not_found', 'no such model');
        },
      }),
    ]);

    for (let round = 0; round < 10; round++) {
      using wire = new Wire(http.port);
      wire.send(...post(path, large), ...small);

      const reply = await wire.reply();
      expect(reply.status).toBe(status);
      expect(reply.head).toContain('connection: close');
      await eventually(() => expect(wire.isClosed).toBe(true));
      expect(wire.received).toBe(''); // nothing of the body was taken for a request
    }
  });

  it('is closed when the limit shows only while it is read, and fetch sees the reply', async () => {
    await using http = await listening([size(1_000_000)]);
    async function* chunks() {
      for (let sent = 0; sent < 20; sent++)
        yield await Promise.resolve(large.subarray(0, 1_000_000));
    }

    for (let round = 0; round < 5; round++) {
      const reply = await fetch(`${http.url}/size`, {
        method: 'POST',
        body: Readable.from(chunks()),
        duplex: 'half',
      });

      expect(reply.status).toBe(413);
      expect(await reply.json()).toMatchObject({
        code: 'payload_too_large',
        details: { limitBytes: 1_000_000 },
      });
    }
  });

  it('goes on when a small body was not wanted', async () => {
    await using http = await listening([size()]);
    using wire = new Wire(http.port);
    wire.send(...post('/unknown', 'tiny'), ...small);

    expect((await wire.reply()).status).toBe(404);
    expect((await wire.reply()).body).toBe('{"size":5}');
  });
});

describe('leave to send a body', () => {
  it('is given when it is wanted', async () => {
    await using http = await listening([size(100)]);
    using wire = new Wire(http.port);
    const [head = '', body = ''] = post('/size', 'small', 'expect: 100-continue\r\n');
    wire.send(head);

    expect((await wire.reply()).status).toBe(100);
    wire.send(body);
    expect((await wire.reply()).body).toBe('{"size":5}');
  });

  it.each(['/size', '/unknown'])('is not given where it is not: %s', async (path) => {
    await using http = await listening([size(100)]);
    using wire = new Wire(http.port);
    wire.send(post(path, 'a'.repeat(100_000), 'expect: 100-continue\r\n')[0] ?? '');

    expect((await wire.reply()).status).toBe(path === '/size' ? 413 : 404);
  });
});

describe('the signal of a request', () => {
  it('is not aborted by the end of its body', async () => {
    let aborted = 0;
    await using http = await listening([
      route('slow', {
        body: 'buffer',
        handler: async ({ signal, body }) => {
          signal.addEventListener('abort', () => aborted++);
          await new Promise((resolve) => setImmediate(resolve));
          return { body: { size: body.length } };
        },
      }),
    ]);
    const body = Buffer.alloc(200_000);

    for (let round = 0; round < 25; round++) {
      const replies = await Promise.all(
        Array.from({ length: 8 }, () => fetch(`${http.url}/slow`, { method: 'POST', body })),
      );
      for (const reply of replies) expect(await reply.json()).toEqual({ size: 200_000 });
    }

    expect(aborted).toBe(0);
    expect(new Set(http.statuses)).toEqual(new Set([200]));
    expect(http.statuses).toHaveLength(200);
  });

  it.each(['buffer', 'stream', 'none'] as const)(
    'is aborted when the client leaves, body %s, and the request counts as 499',
    async (body) => {
      const begun = began();
      let reason: unknown;
      await using http = await listening([
        route('wait', {
          body,
          handler: ({ signal }) =>
            new Promise((_, reject) => {
              signal.addEventListener('abort', () => {
                reason = signal.reason;
                reject(signal.reason as AppError);
              });
              begun.now();
            }),
        }),
      ]);
      using wire = new Wire(http.port);
      wire.send(...post('/wait', 'x'));
      await begun.promise;
      wire.socket.destroy();

      await eventually(() => expect(http.statuses).toEqual([499]), { withinMs: 1_000 });
      expect(reason).toMatchObject({ code: 'cancelled' });
    },
  );

  it('is aborted when the handler asks for it after the client has left', async () => {
    const begun = began();
    const proceed = began();
    let isAborted: boolean | undefined;
    await using http = await listening([
      route('late', {
        body: 'none',
        handler: async (request) => {
          begun.now();
          await proceed.promise;
          isAborted = request.signal.aborted;
          return {};
        },
      }),
    ]);
    using wire = new Wire(http.port);
    wire.send(...post('/late', ''));
    await begun.promise;
    wire.socket.destroy();
    await fetch(`${http.url}/health/live`); // by now the server has seen it
    proceed.now();

    await eventually(() => expect(http.statuses).toEqual([200, 499]));
    expect(isAborted).toBe(true);
  });

  it('fails the body of a client that leaves in the middle', async () => {
    const seen: unknown[] = [];
    await using http = await listening([
      size(),
      route('stream', {
        body: 'stream',
        handler: async ({ body }) => {
          await body.toArray().catch((error: unknown) => seen.push(error));
          return {};
        },
      }),
    ]);
    for (const path of ['/size', '/stream']) {
      const wire = new Wire(http.port);
      wire.send(
        `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nexpect: 100-continue\r\ncontent-length: 1000\r\n\r\n`,
      );
      expect((await wire.reply()).status).toBe(100);
      wire.send('part');
      wire.socket.end();
    }

    await eventually(() => expect(http.statuses).toEqual([499, 499]));
    expect(seen).toMatchObject([{ code: 'cancelled' }]);
  });
});

describe('a streamed body', () => {
  it('comes no faster than it is read', async () => {
    let body: Readable | undefined;
    await using http = await listening([
      route('stream', {
        body: 'stream',
        handler: async (request) => {
          body = request.body;
          await new Promise((resolve) => body?.once('resume', resolve));
          let size = 0;
          for await (const chunk of body) size += (chunk as Buffer).length;
          return { body: { size } };
        },
      }),
    ]);
    using wire = new Wire(http.port);
    wire.send(...post('/stream', Buffer.alloc(60_000_000)));
    let before = -1;
    await eventually(
      () => {
        const now = wire.socket.bytesWritten - wire.socket.writableLength;
        const isStill = now === before && body !== undefined;
        before = now;
        expect(isStill).toBe(true);
      },
      { everyMs: 100 },
    );

    expect(wire.socket.writableLength).toBeGreaterThan(30_000_000); // still on the client’s side
    body?.resume().pause();
    expect((await wire.reply()).body).toBe('{"size":60000000}');
  });
});

describe('slow senders', () => {
  it('of headers are answered 408', async () => {
    await using http = await listening([], { headersTimeoutMs: 50 });
    using wire = new Wire(http.port);
    wire.send('GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n');

    expect((await wire.reply()).status).toBe(408);
    await eventually(() => expect(wire.isClosed).toBe(true));
  });

  it.each(['size', 'stream'])('of bodies are given up, even if they trickle: %s', async (path) => {
    await using http = await listening(
      [
        size(),
        route('stream', {
          body: 'stream',
          handler: async ({ body }) => ({
            body: String((await body.toArray()).length),
          }),
        }),
      ],
      { bodyIdleMs: 100 },
    );
    using wire = new Wire(http.port);
    wire.send(`POST /${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 100000\r\n\r\n`);
    const trickle = setInterval(() => wire.send('x'), 10);
    const reply = await wire.reply();
    clearInterval(trickle);

    expect(reply.status).toBe(400);
    expect(JSON.parse(reply.body)).toMatchObject({ message: 'body: must keep arriving' });
  });

  it('are told from slow readers', async () => {
    await using http = await listening(
      [
        route('stream', {
          body: 'stream',
          handler: async ({ body }) => {
            let size = 0;
            for await (const chunk of body) {
              size += (chunk as Buffer).length;
              await new Promise((resolve) => setTimeout(resolve, 150));
            }
            return { body: { size } };
          },
        }),
      ],
      { bodyIdleMs: 100 },
    );
    const reply = await fetch(`${http.url}/stream`, {
      method: 'POST',
      body: Buffer.alloc(400_000),
    });

    expect(await reply.json()).toEqual({ size: 400_000 });
  });
});

describe('what is no request of ours', () => {
  it.each([
    ['GARBAGE\r\n\r\n', 400, 'request: must be HTTP/1.1'],
    [
      `GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nx: ${'a'.repeat(20_000)}\r\n\r\n`,
      431,
      'request: headers must be under 16 KiB',
    ],
    [
      'POST /size HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n',
      400,
      'request: must be HTTP/1.1',
    ],
  ])('case %# is answered in our words and closed', async (bytes, status, message) => {
    await using http = await listening([size()]);
    using wire = new Wire(http.port);
    wire.send(bytes);

    const reply = await wire.reply();
    expect([reply.status, JSON.parse(reply.body)]).toEqual([
      status,
      expect.objectContaining({ message }),
    ]);
    await eventually(() => expect(wire.isClosed).toBe(true));
  });

  it('in absolute form or without Host is served all the same', async () => {
    await using http = await listening([
      route('show', {
        method: 'GET',
        path: '/show/*',
        body: 'none',
        handler: ({ wildcard }) => ({ body: wildcard ?? '' }),
      }),
    ]);
    using wire = new Wire(http.port);
    wire.send(
      'GET http://elsewhere.example/show/a%2Fb?x HTTP/1.1\r\nhost: localhost\r\n\r\n',
      'GET /show/c HTTP/1.1\r\n\r\n',
    );

    expect((await wire.reply()).body).toBe('a%2Fb');
    expect((await wire.reply()).body).toBe('c');
  });

  it('many requests at once on one connection are answered in order', async () => {
    await using http = await listening([size()]);
    using wire = new Wire(http.port);
    for (let length = 0; length < 50; length++) wire.send(...post('/size', 'a'.repeat(length)));

    for (let length = 0; length < 50; length++)
      expect((await wire.reply()).body).toBe(`{"size":${length}}`);
  });
});

describe('a streamed reply', () => {
  const failing = () =>
    Readable.from(
      (async function* () {
        yield 'first';
        await new Promise((resolve) => setImmediate(resolve));
        throw new AppError('unavailable', 'store went away');
      })(),
    );

  it('that fails in the middle cuts the connection, so that a part is not taken for the whole', async () => {
    await using http = await listening([
      route('file', { method: 'GET', body: 'none', handler: () => ({ body: failing() }) }),
    ]);
    const reply = await fetch(`${http.url}/file`);

    expect(reply.status).toBe(200);
    await expect(reply.text()).rejects.toThrow('terminated');
  });

  it('is given up when the client leaves', async () => {
    let isDestroyed = false;
    await using http = await listening([
      route('endless', {
        method: 'GET',
        body: 'none',
        handler: () => ({
          body: new Readable({
            read() {
              this.push(Buffer.alloc(1000));
            },
            destroy(error, done) {
              isDestroyed = true;
              done(error);
            },
          }),
        }),
      }),
    ]);
    const controller = new AbortController();
    await fetch(`${http.url}/endless`, { signal: controller.signal });
    controller.abort();

    await eventually(() => expect(isDestroyed).toBe(true));
    await eventually(() => expect(http.statuses).toEqual([499]));
  });

  it('of events begins at once and ends when the server drains', async () => {
    const events = new Readable({ read: () => undefined });
    await using http = await listening([
      route('events', {
        method: 'GET',
        body: 'none',
        handler: () => ({ headers: { 'content-type': 'text/event-stream' }, body: events }),
      }),
    ]);
    const reply = await fetch(`${http.url}/events`);
    events.push('data: 1\n\n');
    http.server.drain();

    expect(reply.status).toBe(200);
    expect(await reply.text()).toBe('data: 1\n\n');
    expect(http.statuses).toEqual([200]);
  });
});

describe('closing', () => {
  it('lets what is under way finish, refuses new connections and closes idle ones at once', async () => {
    const begun = began();
    const proceed = began();
    const http = await listening([
      route('work', {
        body: 'none',
        handler: async () => {
          begun.now();
          await proceed.promise;
          return { body: 'done' };
        },
      }),
    ]);
    using fresh = new Wire(http.port);
    using idle = new Wire(http.port);
    using busy = new Wire(http.port);
    idle.send('GET /health/live HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n');
    expect((await idle.reply()).head).toContain('keep-alive');
    busy.send(...post('/work', ''));
    await begun.promise;
    const closed = http[Symbol.asyncDispose]();
    await eventually(() => expect([fresh.isClosed, idle.isClosed]).toEqual([true, true]), {
      withinMs: 1_000,
    });
    await expect(fetch(`${http.url}/health/live`)).rejects.toThrow();
    proceed.now();

    const reply = await busy.reply();
    expect([reply.status, reply.body]).toEqual([200, 'done']);
    expect(reply.head).toContain('connection: close');
    await closed;
  });

  it('cuts what does not finish in time', async () => {
    const begun = began();
    let reason: unknown;
    const http = await listening(
      [
        route('stuck', {
          body: 'none',
          handler: ({ signal }) =>
            new Promise(() => {
              signal.addEventListener('abort', () => {
                reason = signal.reason;
              });
              begun.now();
            }),
        }),
      ],
      { closeGraceMs: 50 },
    );
    using wire = new Wire(http.port);
    wire.send(...post('/stuck', ''));
    await begun.promise;
    await http[Symbol.asyncDispose]();

    await eventually(() => expect(reason).toMatchObject({ code: 'cancelled' }));
  });
});
