import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { AppError } from '@flywheel/core';
import type { RawRequest } from './raw-route.ts';
import { pathOf, queryOf, wildcardOf } from './request-path.ts';

/** One request as a handler sees it; what is seldom asked for is made when asked for. */
export class IncomingRequest<Body> implements RawRequest<Body> {
  readonly params: Readonly<Record<string, string>>;
  body: Body;
  readonly #raw: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #pattern: string;
  #query: URLSearchParams | undefined;
  #signal: AbortSignal | undefined;

  constructor(
    raw: IncomingMessage,
    response: ServerResponse,
    route: { params: Readonly<Record<string, string>>; pattern: string; body: Body },
  ) {
    this.#raw = raw;
    this.#response = response;
    this.#pattern = route.pattern;
    this.params = route.params;
    this.body = route.body;
  }

  get method(): string {
    return this.#raw.method ?? 'GET';
  }

  get path(): string {
    return pathOf(this.#raw.url ?? '/');
  }

  get wildcard(): string | undefined {
    return this.#pattern.endsWith('/*') ? wildcardOf(this.path, this.#pattern) : undefined;
  }

  get query(): URLSearchParams {
    this.#query ??= new URLSearchParams(queryOf(this.#raw.url ?? '/'));
    return this.#query;
  }

  get headers(): IncomingHttpHeaders {
    return this.#raw.headers;
  }

  get remoteAddress(): string {
    return this.#raw.socket.remoteAddress ?? '';
  }

  get signal(): AbortSignal {
    this.#signal ??= abortWhenGone(this.#response);
    return this.#signal;
  }
}

/** The request's own `close` fires once its body is read, so the reply is watched: it closes unfinished when the client left. */
function abortWhenGone(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  const onClose = () => {
    if (!response.writableFinished) controller.abort(new AppError('cancelled', 'client went away'));
  };
  if (response.closed || response.destroyed) onClose();
  else response.once('close', onClose);
  return controller.signal;
}
