import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Operation } from '@flywheel/contracts';
import { AppError, invalid } from '@flywheel/core';
import type { Logger } from '@flywheel/core';
import { BodyWatch } from '../body/body-watch.ts';
import type { ErrorShape } from '../errors/error-shape.ts';
import { ErrorShapes } from '../errors/error-shapes.ts';
import { DEFAULT_BODY_LIMIT_BYTES, LocalOperations } from '../operations/local-operations.ts';
import { operationRoute } from '../operations/operation-route.ts';
import type { OperationHandler } from '../operations/operation-route.ts';
import { BrowserGuard } from './browser-guard.ts';
import { builtInRoutes } from './built-in-routes.ts';
import { createFastify } from './create-fastify.ts';
import { Exchange } from './exchange.ts';
import type { Subject } from './exchange.ts';
import type { HttpMetrics, HttpTracing } from './ports.ts';
import type { RawReply, RawRoute } from './raw-route.ts';
import { paramTooLong, pathOf } from './request-path.ts';
import { RouteTable } from './route-table.ts';
import type { RouteDescription } from './route-table.ts';

export type HttpServerOptions = {
  readonly log: Logger;
  readonly metrics?: HttpMetrics | undefined;
  readonly tracing?: HttpTracing | undefined;
  /** 16 MiB unless given. */
  readonly defaultBodyLimitBytes?: number;
  /** What `/metrics` answers; without it there is no such route. */
  readonly metricsText?: (() => string | Promise<string>) | undefined;
  /** What `/status/config` answers, secrets masked; without it there is no such route. */
  readonly statusConfig?: (() => object) | undefined;
  /** Also check replies of operations against their contracts: for tests and development. */
  readonly checkReplies?: boolean;
  /** Names, besides addresses and localhost, that pages may be served from: behind a proxy, its name. */
  readonly allowedHosts?: readonly string[];
  /** A request whose headers take longer is answered 408; 15 s unless given. */
  readonly headersTimeoutMs?: number;
  /** A body that stands still (or trickles) this long is given up; 30 s unless given. */
  readonly bodyIdleMs?: number;
  /** Idle connections are closed after this; longer than clients keep them, 72 s unless given. */
  readonly keepAliveTimeoutMs?: number;
  /** How long closing waits for answers under way before it cuts them; 3 s unless given. */
  readonly closeGraceMs?: number;
};

/** Serves operations and standards' surfaces of one process. Routes are added before `listen`. */
export type HttpServer = AsyncDisposable & {
  /**
   * Serves an operation of ours: input that breaks a schema is answered 400 with `details` `{ field, rule, issues }`,
   * an `AppError` by the table, anything else 500 with its message hidden.
   */
  operation<P, Q, B, R>(
    operation: Operation<P, Q, B, R>,
    handler: OperationHandler<P, Q, B, R>,
  ): void;
  /** Serves a route of somebody else's protocol. */
  route(route: RawRoute): void;
  /** Words the errors of every path under `prefix`, unknown paths and methods included. */
  errorShapeFor(prefix: string, shape: ErrorShape): void;
  /** Opens the port (0 = any free one); `conflict` if it is taken. */
  listen(address: { readonly port: number; readonly host: string }): Promise<{ port: number }>;
  /** From now on replies carry `connection: close`, event streams end, and `/health/ready` is 503. */
  drain(): void;
  /** Whether `/health/ready` is 200; not from the start. */
  setReady(isReady: boolean): void;
  /** Every route, for documents. */
  operations(): readonly RouteDescription[];
  /** The operations served here, for calls that need no socket. */
  readonly local: LocalOperations;
  /** Sends a request through the whole server without a socket: for tests. */
  inject(request: InjectedRequest): Promise<InjectedReply>;
};

export type InjectedRequest = {
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path and query. */
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer | object;
};

export type InjectedReply = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly text: string;
  readonly bytes: Buffer;
  json(): unknown;
};

export function createHttpServer(options: HttpServerOptions): HttpServer {
  return new FastifyHttpServer(options);
}

const UNKNOWN = { service: 'platform', name: 'unknown', path: '*' } as const satisfies Subject;

class FastifyHttpServer implements HttpServer {
  readonly local: LocalOperations;
  readonly #options: HttpServerOptions;
  readonly #table = new RouteTable();
  readonly #shapes = new ErrorShapes();
  readonly #watch: BodyWatch;
  readonly #guard: BrowserGuard;
  readonly #eventStreams = new Set<() => void>();
  readonly #exchange: Exchange;
  readonly #fastify: FastifyInstance;
  readonly #sockets = new Set<Socket>();
  #isReady = false;
  #isDraining = false;
  #routesAreFixed = false;

  constructor(options: HttpServerOptions) {
    this.#options = options;
    const defaultBodyLimitBytes = options.defaultBodyLimitBytes ?? DEFAULT_BODY_LIMIT_BYTES;
    this.local = new LocalOperations(defaultBodyLimitBytes);
    this.#guard = new BrowserGuard(options.allowedHosts ?? []);
    this.#watch = new BodyWatch(options.bodyIdleMs ?? 30_000);
    this.#exchange = new Exchange({
      log: options.log,
      metrics: options.metrics,
      tracing: options.tracing,
      shapes: this.#shapes,
      watch: this.#watch,
      guard: this.#guard,
      defaultBodyLimitBytes,
      eventStreams: this.#eventStreams,
      isDraining: () => this.#isDraining,
    });
    this.#fastify = createFastify({
      headersTimeoutMs: options.headersTimeoutMs ?? 15_000,
      keepAliveTimeoutMs: options.keepAliveTimeoutMs ?? 72_000,
      refusePath: (kind, reply) => this.#refusePath(kind, reply),
    });
    this.#fastify.server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    const builtIns = builtInRoutes({
      notReady: () => this.#notReady(),
      describe: () => this.#table.describe(),
      metricsText: options.metricsText,
      statusConfig: options.statusConfig,
    });
    for (const route of builtIns) this.#table.add(route);
  }

  operation<P, Q, B, R>(
    operation: Operation<P, Q, B, R>,
    handler: OperationHandler<P, Q, B, R>,
  ): void {
    const checkReplies = this.#options.checkReplies ?? false;
    this.route(operationRoute(operation, handler, { checkReplies }));
    this.local.add(operation, handler);
  }

  route(route: RawRoute): void {
    if (this.#routesAreFixed) throw new Error('routes are added before the server listens');
    this.#table.add(route);
  }

  errorShapeFor(prefix: string, shape: ErrorShape): void {
    this.#shapes.register(prefix, shape);
  }

  async listen(address: { port: number; host: string }): Promise<{ port: number }> {
    this.#fixRoutes();
    this.#guard.bound(address.host);
    try {
      await this.#fastify.listen(address);
    } catch (cause) {
      throw listenError(cause, address);
    }
    const bound = this.#fastify.server.address();
    if (bound === null || typeof bound === 'string') throw new Error('the server has no port');
    return { port: bound.port };
  }

  drain(): void {
    this.#isDraining = true;
    for (const end of this.#eventStreams) end();
  }

  setReady(isReady: boolean): void {
    this.#isReady = isReady;
  }

  operations(): readonly RouteDescription[] {
    return this.#table.describe();
  }

  async inject(request: InjectedRequest): Promise<InjectedReply> {
    this.#fixRoutes();
    const { method, url, headers, body } = request;
    const reply = await this.#fastify.inject({
      method: method ?? 'GET',
      url,
      ...(headers === undefined ? {} : { headers }),
      ...(body === undefined ? {} : { payload: body }),
    });
    return {
      status: reply.statusCode,
      headers: reply.headers as Record<string, string | undefined>,
      text: reply.payload,
      bytes: reply.rawPayload,
      json: () => JSON.parse(reply.payload) as unknown,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.drain();
    const { server } = this.#fastify;
    // a connection that never asked anything does not count as idle and would be waited for
    for (const socket of this.#sockets) if (socket.bytesRead === 0) socket.destroy();
    const timer = setTimeout(
      () => server.closeAllConnections(),
      this.#options.closeGraceMs ?? 3_000,
    );
    try {
      await this.#fastify.close();
    } finally {
      clearTimeout(timer);
      this.#watch[Symbol.dispose]();
    }
  }

  #fixRoutes(): void {
    if (this.#routesAreFixed) return;
    this.#routesAreFixed = true;
    for (const route of this.#table.routes)
      this.#fastify.route({
        method: [...this.#table.servedMethods(route)],
        url: route.path,
        handler: this.#exchange.serve(route),
      });
    this.#fastify.setNotFoundHandler((_request, reply) => this.#refuseUnknown(reply));
  }

  #notReady(): 'starting' | 'stopping' | undefined {
    if (this.#isDraining) return 'stopping';
    return this.#isReady ? undefined : 'starting';
  }

  #refuseUnknown(reply: FastifyReply): void {
    const allow = this.#table.methodsAt(pathOf(reply.request.raw.url ?? '/'));
    if (allow.length === 0) {
      this.#exchange.refuse(UNKNOWN, reply, new AppError('not_found', 'no such path'));
      return;
    }
    const error = invalid('method', `must be ${allow.join(' or ')}`, { allow });
    const answer: RawReply = { status: 405, headers: { allow: allow.join(', ') } };
    this.#exchange.refuse(UNKNOWN, reply, error, answer);
  }

  #refusePath(kind: 'bad-encoding' | 'too-long', reply: FastifyReply): void {
    const error =
      kind === 'too-long' ? paramTooLong() : invalid('path', 'must be valid percent-encoded UTF-8');
    this.#exchange.refuse(UNKNOWN, reply, error);
  }
}

function listenError(cause: unknown, address: { port: number; host: string }): AppError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  const details = { port: address.port, host: address.host };
  if (code === 'EADDRINUSE')
    return new AppError('conflict', 'port is already in use', { cause, details });
  if (code === 'EACCES')
    return new AppError('permission_denied', 'port may not be opened', { cause, details });
  return new AppError('internal', 'cannot listen', { cause, details });
}
