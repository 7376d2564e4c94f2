import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { errorTable, toAppError } from '@flywheel/core';
import type { AppError, Logger } from '@flywheel/core';
import type { BodyWatch } from '../body/body-watch.ts';
import { readBody, streamBody } from '../body/read-body.ts';
import type { BodySource } from '../body/read-body.ts';
import { nativeErrors, retryAfterSeconds } from '../errors/error-shape.ts';
import type { ErrorShape } from '../errors/error-shape.ts';
import type { ErrorShapes } from '../errors/error-shapes.ts';
import { CODE_HEADER, wireError } from '../errors/wire-error.ts';
import { parseJson } from '../json/parse-json.ts';
import type { BrowserGuard } from './browser-guard.ts';
import { IncomingRequest } from './incoming-request.ts';
import type { HttpMetrics, HttpTracing } from './ports.ts';
import type { RawReply, RawRequest, RawRoute } from './raw-route.ts';
import { checkParams, pathOf } from './request-path.ts';
import { sendReply } from './send-reply.ts';
import type { OpenStreams } from './send-reply.ts';

export type ExchangeDeps = {
  readonly log: Logger;
  readonly metrics: HttpMetrics | undefined;
  readonly tracing: HttpTracing | undefined;
  readonly shapes: ErrorShapes;
  readonly watch: BodyWatch;
  readonly guard: BrowserGuard;
  readonly defaultBodyLimitBytes: number;
  readonly eventStreams: OpenStreams;
  isDraining(): boolean;
};

/** What an answer is counted and logged under, and how its errors are worded. */
export type Subject = {
  readonly service: string;
  readonly name: string;
  readonly path: string;
  readonly errors?: ErrorShape | undefined;
};

/** Takes a routed request to its reply: body, handler, reply or error, count. Never throws. */
export class Exchange {
  readonly #deps: ExchangeDeps;

  constructor(deps: ExchangeDeps) {
    this.#deps = deps;
  }

  /** The function that serves `route`. */
  serve(route: RawRoute): (request: FastifyRequest, reply: FastifyReply) => void {
    const limitBytes =
      route.bodyLimitBytes ??
      (route.body === 'stream' ? Number.POSITIVE_INFINITY : this.#deps.defaultBodyLimitBytes);
    const readParams = paramsReader(route.path);
    return (request, reply) => {
      const source = { raw: request.raw, response: reply.raw, limitBytes, watch: this.#deps.watch };
      const params = readParams(request.params as Params);
      void this.#count(route, request, () => this.#answer(route, params, source, reply));
    };
  }

  /** Answers a request that found no route. */
  refuse(subject: Subject, reply: FastifyReply, error: AppError, answer: RawReply = {}): void {
    void this.#count(subject, reply.request, () =>
      Promise.resolve(this.#fail(subject, reply, error, answer)),
    );
  }

  async #count(
    subject: Subject,
    request: FastifyRequest,
    work: () => Promise<number>,
  ): Promise<void> {
    const { metrics, tracing } = this.#deps;
    const startedMs = metrics === undefined ? 0 : performance.now();
    const status =
      tracing === undefined
        ? await work()
        : await tracing.serve(
            {
              service: subject.service,
              operation: subject.name,
              method: request.method,
              route: subject.path,
              headers: request.headers,
            },
            work,
          );
    metrics?.answered(
      { service: subject.service, operation: subject.name, status },
      (performance.now() - startedMs) / 1000,
    );
  }

  async #answer(
    route: RawRoute,
    params: Readonly<Record<string, string>>,
    source: BodySource,
    reply: FastifyReply,
  ): Promise<number> {
    let body: unknown;
    try {
      this.#deps.guard.check(source.raw.method, source.raw.headers);
      checkParams(params);
      const pattern = route.path;
      const read = bodyFor(route, source);
      body = read instanceof Promise ? await read : read;
      const request = new IncomingRequest(source.raw, source.response, { params, pattern, body });
      // the kind of the route decided how the body was read
      const answer = await (route.handler as (request: RawRequest) => Promise<RawReply> | RawReply)(
        request,
      );
      if (clientIsGone(reply)) return giveUp(answer);
      const ending = sendReply(reply, answer, this.#sendOptions());
      const end = ending === undefined ? 'whole' : await ending;
      if (end === 'gone') return GONE;
      if (end !== 'whole') this.#log(route, reply, toAppError(end), 500);
      return answer.status ?? 200;
    } catch (thrown) {
      return this.#fail(route, reply, toAppError(thrown), {});
    } finally {
      if (body instanceof Readable) body.destroy(); // what the handler left unread, nobody will read
    }
  }

  #sendOptions(): { close: boolean; eventStreams: OpenStreams } {
    return { close: this.#deps.isDraining(), eventStreams: this.#deps.eventStreams };
  }

  #fail(subject: Subject, reply: FastifyReply, error: AppError, answer: RawReply): number {
    const known = wireError(error);
    const shape = subject.errors ?? this.#deps.shapes.of(pathOf(reply.request.raw.url ?? '/'));
    const { status, headers, body } = errorReply(known, shape, answer);
    this.#log(subject, reply, error, status);
    if (clientIsGone(reply)) return GONE;
    if (reply.sent || reply.raw.headersSent) {
      reply.raw.destroy();
      return status;
    }
    for (const name of Object.keys(reply.getHeaders())) reply.removeHeader(name);
    void sendReply(reply, { status, headers, body }, this.#sendOptions());
    return status;
  }

  #log(subject: Subject, reply: FastifyReply, error: AppError, status: number): void {
    const fields = {
      operation: subject.name,
      method: reply.request.method,
      status,
      code: error.code,
      field: error.details?.['field'],
      ...(status >= 500 ? { err: error } : {}),
    };
    this.#deps.log[errorTable[error.code].level](fields, 'request failed');
  }
}

/** The status of a request whose client left before the reply (nginx's word for it). */
const GONE = 499;

/** Asked before a reply is sent: afterwards a detached response looks the same either way. */
function clientIsGone({ raw, request }: FastifyReply): boolean {
  return raw.destroyed || raw.socket?.destroyed === true || request.raw.readableAborted;
}

function giveUp({ body }: RawReply): typeof GONE {
  if (body instanceof Readable) body.destroy();
  return GONE;
}

const NO_PARAMS: Readonly<Record<string, string>> = Object.freeze({});

type Params = Readonly<Record<string, string>>;

/** How the parameters of `pattern` are taken from what the router found: the wildcard is none of them. */
function paramsReader(pattern: string): (found: Params) => Params {
  if (!pattern.includes(':')) return () => NO_PARAMS;
  if (!pattern.endsWith('/*')) return (found) => found;
  return (found) => Object.fromEntries(Object.entries(found).filter(([name]) => name !== '*'));
}

function bodyFor(route: RawRoute, source: BodySource): unknown {
  switch (route.body) {
    case 'none':
      return undefined;
    case 'buffer':
      return readBody(source);
    case 'stream':
      return streamBody(source);
    case 'json':
      return jsonBody(route, source);
  }
}

async function jsonBody(route: RawRoute, source: BodySource): Promise<unknown> {
  const bytes = await readBody(source);
  if (bytes.length === 0 && (route.optionalBody === true || hasOptionalBody(source.raw)))
    return undefined;
  return parseJson(bytes, {
    bigIntegers: route.bigIntegers ?? false,
    nonFinite: route.nonFinite ?? false,
  });
}

function hasOptionalBody({ method }: IncomingMessage): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'DELETE';
}

function errorReply(
  error: AppError,
  shape: ErrorShape,
  answer: RawReply,
): { status: number; headers: Record<string, string>; body: string } {
  const shaped = shapedBy(shape, error);
  const retryAfter = retryAfterSeconds(error);
  return {
    status: answer.status ?? shaped.status ?? error.status,
    headers: {
      'content-type': shaped.contentType ?? 'application/json; charset=utf-8',
      [CODE_HEADER]: error.code,
      'x-content-type-options': 'nosniff',
      ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
      ...answer.headers,
    },
    body: shaped.contentType === undefined ? JSON.stringify(shaped.body) : String(shaped.body),
  };
}

/** A shape that throws must not turn an answer into silence. */
function shapedBy(shape: ErrorShape, error: AppError): ReturnType<ErrorShape> {
  try {
    return shape(error);
  } catch {
    return nativeErrors(error);
  }
}
