import type { Readable } from 'node:stream';
import type { Operation, OperationInput, OperationReply } from '@flywheel/contracts';
import { AppError, invalid, toAppError } from '@flywheel/core';
import type { Logger } from '@flywheel/core';
import { Agent } from 'undici';
import type { Dispatcher } from 'undici';
import { CODE_HEADER, errorOfReply } from '../errors/wire-error.ts';
import { parseJson } from '../json/parse-json.ts';
import { callError, readReply, whereabouts } from '../operations/read-reply.ts';
import { targetOf, wireCall } from '../operations/wire-call.ts';
import type { HttpTracing } from '../server/ports.ts';
import { withDeadline } from './deadline.ts';
import { withRetries } from './retry.ts';
import type { Attempt } from './retry.ts';

export type HttpClientOptions = {
  readonly log: Logger;
  readonly tracing?: HttpTracing | undefined;
  /** Deadline of a call with all its retries; 30 s unless given. */
  readonly timeoutMs?: number;
  /** Until a connection stands; 3 s unless given. */
  readonly connectTimeoutMs?: number;
  /** Jitter of retries, between 0 and 1. */
  readonly draw?: () => number;
};

type Limits = {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
};

export type CallOptions = Limits & {
  /** Tries until the deadline instead of a few times: for callers whom a restart of the peer must not stop. */
  readonly patient?: boolean;
  /** Sends again what may have been done already though the operation is not idempotent. */
  readonly mayRepeat?: boolean;
  /** Told of every attempt that failed and is followed by another. */
  readonly onRetry?: (error: AppError) => void;
};

export type SendRequest = Limits & {
  readonly method?: Dispatcher.HttpMethod;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | Readable;
};

/** A reply of any status. Its body is read with one of the methods, or given up with `discard`. */
export type SendReply = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Readable;
  bytes(): Promise<Buffer>;
  text(): Promise<string>;
  json(): Promise<unknown>;
};

export type HttpClient = AsyncDisposable & {
  /**
   * Calls an operation at `baseUrl`. Errors are those the handler threw, by code, message and details; `unavailable`
   * if the peer cannot be reached, `deadline_exceeded` when the time is over, `cancelled` by `signal`.
   */
  call<O extends Operation>(
    baseUrl: string,
    operation: O,
    input: OperationInput<O>,
    options?: CallOptions,
  ): Promise<OperationReply<O>>;
  /** Sends any request, once, without following redirects; the deadline covers the body too. */
  send(url: string | URL, request?: SendRequest): Promise<SendReply>;
};

export function createHttpClient(options: HttpClientOptions): HttpClient {
  return new UndiciHttpClient(options);
}

class UndiciHttpClient implements HttpClient {
  readonly #options: HttpClientOptions;
  readonly #agent: Agent;

  constructor(options: HttpClientOptions) {
    this.#options = options;
    this.#agent = new Agent({
      connections: 128,
      pipelining: 1,
      // servers of ours keep idle connections longer, so a request never meets a closing one
      keepAliveTimeout: 10_000,
      keepAliveMaxTimeout: 60_000,
      connect: { timeout: options.connectTimeoutMs ?? 3_000 },
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }

  async call<O extends Operation>(
    baseUrl: string,
    operation: O,
    input: OperationInput<O>,
    options: CallOptions = {},
  ): Promise<OperationReply<O>> {
    const call = wireCall(operation, input);
    const { origin, prefix } = addressOf(baseUrl);
    const path = prefix + targetOf(operation, call);
    const { method } = operation;
    const request = { origin, path, method, body: call.body };
    const reply = await withDeadline(
      {
        signal: options.signal,
        timeoutMs: options.timeoutMs ?? this.#options.timeoutMs ?? 30_000,
        details: whereabouts(operation),
      },
      (signal, deadlineMs) =>
        withRetries(
          {
            mayRepeat: options.mayRepeat ?? operation.idempotent,
            isPatient: options.patient,
            signal,
            deadlineMs,
            draw: this.#options.draw ?? Math.random,
            onRetry: (error, attempt) => {
              const facts = { operation: operation.name, code: error.code, attempt };
              this.#options.log.debug(facts, 'call is retried');
              options.onRetry?.(error);
            },
          },
          () => this.#attempt(operation, request, signal),
        ),
    );
    return readReply(operation, reply) as OperationReply<O>;
  }

  async send(url: string | URL, request: SendRequest = {}): Promise<SendReply> {
    if (!URL.canParse(String(url))) throw invalid('url', 'must be absolute');
    const { origin, pathname, search } = new URL(url);
    const timeoutMs = request.timeoutMs ?? this.#options.timeoutMs ?? 30_000;
    const deadline = AbortSignal.timeout(timeoutMs);
    const signal = request.signal ? AbortSignal.any([request.signal, deadline]) : deadline;
    const fault = (thrown: unknown) =>
      signal.aborted ? toAppError(signal.reason) : unreachable(thrown, { origin });
    try {
      const reply = await this.#agent.request({
        origin,
        path: pathname + search,
        method: request.method ?? 'GET',
        headers: { ...request.headers },
        body: request.body ?? null,
        signal,
      });
      return sendReply(reply, fault);
    } catch (thrown) {
      throw fault(thrown);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy();
  }

  #attempt(
    operation: Operation,
    request: {
      origin: string;
      path: string;
      method: Operation['method'];
      body: string | undefined;
    },
    signal: AbortSignal,
  ): Promise<Attempt<unknown>> {
    const { tracing } = this.#options;
    if (tracing === undefined) return this.#exchange(operation, request, {}, signal);
    const span = { service: operation.service, operation: operation.name, method: request.method };
    return tracing.call(span, (headers) => this.#exchange(operation, request, headers, signal));
  }

  async #exchange(
    operation: Operation,
    request: {
      origin: string;
      path: string;
      method: Operation['method'];
      body: string | undefined;
    },
    tracingHeaders: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Attempt<unknown>> {
    try {
      const { statusCode, headers, body } = await this.#agent.request({
        ...request,
        body: request.body ?? null,
        signal,
        headers: {
          ...tracingHeaders,
          accept: 'application/json',
          ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
        },
      });
      const bytes = Buffer.from(await body.arrayBuffer());
      if (statusCode < 300) return { kind: 'done', value: replyValue(operation, bytes) };
      const code = headers[CODE_HEADER];
      const error = errorOfReply({
        status: statusCode,
        code: typeof code === 'string' ? code : undefined,
        body: jsonOrNothing(bytes),
      });
      return { kind: 'failed', error: callError(operation, error), isSent: true };
    } catch (thrown) {
      if (thrown instanceof AppError) throw thrown;
      if (signal.aborted) throw toAppError(signal.reason);
      const error = unreachable(thrown, whereabouts(operation));
      return { kind: 'failed', error, isSent: !isConnectFailure(thrown) };
    }
  }
}

function addressOf(baseUrl: string): { origin: string; prefix: string } {
  const { origin, pathname } = new URL(baseUrl);
  return { origin, prefix: pathname.replace(/\/+$/, '') };
}

function replyValue(operation: Operation, bytes: Buffer): unknown {
  if (bytes.length === 0) return undefined;
  try {
    return parseJson(bytes, { field: 'reply', maxDepth: 200 });
  } catch (cause) {
    throw new AppError('internal', 'reply does not match its contract', {
      cause,
      details: { ...whereabouts(operation), field: 'reply', rule: 'must be JSON' },
    });
  }
}

function jsonOrNothing(bytes: Buffer): unknown {
  try {
    return parseJson(bytes, { maxDepth: 200 });
  } catch {
    return undefined;
  }
}

function unreachable(cause: unknown, details: Readonly<Record<string, unknown>>): AppError {
  return new AppError('unavailable', 'peer cannot be reached', { cause, details });
}

/** Whether the connection never stood, so that the peer cannot have seen the request. */
function isConnectFailure(thrown: unknown): boolean {
  const { code, syscall } = thrown as { code?: string; syscall?: string };
  return (
    code === 'UND_ERR_CONNECT_TIMEOUT' ||
    code === 'ECONNREFUSED' ||
    syscall === 'connect' ||
    syscall === 'getaddrinfo'
  );
}

function sendReply(
  { statusCode, headers, body }: Dispatcher.ResponseData,
  fault: (thrown: unknown) => AppError,
): SendReply {
  const bytes = async () => {
    try {
      return Buffer.from(await body.arrayBuffer());
    } catch (thrown) {
      throw fault(thrown);
    }
  };
  return {
    status: statusCode,
    headers,
    body,
    bytes,
    text: async () => (await bytes()).toString('utf8'),
    json: async () => parseJson(await bytes(), { field: 'reply', maxDepth: 200 }),
  };
}
