import type { Codec } from './codec.ts';

/** Who asks, and in which version of the API. */
export type Caller = {
  readonly version: number;
  readonly clientId: string;
  readonly host: string;
  /** Aborted when the connection is gone, so that nothing waits for it any longer. */
  readonly gone: AbortSignal;
};

/**
 * One API of the protocol. `handle` may answer `undefined`: then no byte is sent (produce with acks 0).
 * `prepare` runs before `handle`, so that `handle` of a pipelined API can do its ordered part synchronously.
 */
export type Api<Request, Response> = {
  readonly key: number;
  readonly minVersion: number;
  readonly maxVersion: number;
  /** A following pipelined request may start before this one is answered. */
  readonly isPipelined?: true;
  readonly request: Codec<Request>;
  readonly response: Codec<Response>;
  prepare?(request: Request): Promise<void> | undefined;
  handle(request: Request, caller: Caller): Response | undefined | Promise<Response | undefined>;
};

export type AnyApi = Api<unknown, unknown>;

/** Lets the compiler infer the two shapes from the codecs. */
export function defineApi<Request, Response>(api: Api<Request, Response>): Api<Request, Response> {
  return api;
}
