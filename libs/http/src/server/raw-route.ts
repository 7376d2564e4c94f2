import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import type { HttpMethod, Owner } from '@flywheel/contracts';
import type { ErrorShape } from '../errors/error-shape.ts';

/** What a handler gets as `body`. A gzip or deflate body arrives inflated in all of them. */
export type BodyOf = {
  /** Not read. */
  none: undefined;
  /** Parsed, whatever the content type says; `undefined` where an empty body is allowed and none came. */
  json: unknown;
  /** The bytes; empty if there is no body. */
  buffer: Buffer;
  /** Read no faster than the handler reads it. */
  stream: Readable;
};
export type BodyKind = keyof BodyOf;

export type RawRequest<Body = unknown> = {
  readonly method: string;
  /** As sent, still percent-encoded, without the query. */
  readonly path: string;
  /** Percent-decoded once. */
  readonly params: Readonly<Record<string, string>>;
  /** What a trailing `*` of the route's path stands for, as sent: decode it with `decodePath`. */
  readonly wildcard: string | undefined;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Body;
  readonly remoteAddress: string;
  /** Aborted when the client goes away before it has its reply; not by the end of the body. */
  readonly signal: AbortSignal;
};

export type RawReply = {
  /** 200 unless given. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * Text (`text/plain`), bytes (`application/octet-stream`), a stream, or an object (JSON; bigints as integers),
   * each with a content type of its own if `headers` has one. A stream that fails before its first byte is
   * answered as an error; later, the connection is cut, so that nobody takes a part for the whole.
   */
  readonly body?: string | Uint8Array | Readable | object | undefined;
};

/** The services, and `platform` for what belongs to none. */
export type RouteOwner = Owner | 'platform';
export type RouteMethod = HttpMethod | 'HEAD';

type RouteOf<Kind extends BodyKind> = {
  readonly service: RouteOwner;
  /** `<service>.<verb>-<noun>`: the label in metrics, logs, traces and documents. */
  readonly name: string;
  readonly summary: string;
  /** GET answers HEAD too. */
  readonly method: RouteMethod | readonly RouteMethod[];
  /** Parameters as `:name`; may end in `/*`. */
  readonly path: string;
  readonly body: Kind;
  /** Of the inflated body; the server's default unless given, no limit for `stream`. */
  readonly bodyLimitBytes?: number;
  /** For `json`: an empty body is `undefined` instead of 400. GET, HEAD and DELETE always allow it. */
  readonly optionalBody?: boolean;
  /** For `json`: integers beyond ±(2^53 − 1) arrive as bigint with their exact digits. */
  readonly bigIntegers?: boolean;
  /** For `json`: the bare tokens NaN, Infinity and -Infinity are accepted. */
  readonly nonFinite?: boolean;
  /** How this route words its errors; that of its path's prefix unless given. */
  readonly errors?: ErrorShape;
  /** Members of its OpenAPI operation object. */
  readonly openapi?: object;
  handler(request: RawRequest<BodyOf[Kind]>): Promise<RawReply> | RawReply;
};

/** A route that speaks somebody else's protocol: it sees the request as it is. */
export type RawRoute = { [Kind in BodyKind]: RouteOf<Kind> }[BodyKind];
