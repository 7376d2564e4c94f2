import type { IncomingHttpHeaders } from 'node:http';

/** Where the server counts its answers. Labels are bounded: operations by name, never a path or an id. */
export type HttpMetrics = {
  /** Once per request, when its reply is on its way; `status` 499 if the client had gone. */
  answered(
    labels: { readonly service: string; readonly operation: string; readonly status: number },
    seconds: number,
  ): void;
};

/** Spans of requests in and out; W3C trace context travels in headers. */
export type HttpTracing = {
  /** Runs `work` in a server span that continues the caller's trace; `work` gives the reply's status. */
  serve(
    request: {
      readonly service: string;
      readonly operation: string;
      readonly method: string;
      readonly route: string;
      readonly headers: IncomingHttpHeaders;
    },
    work: () => Promise<number>,
  ): Promise<number>;
  /** Runs `work` in a client span; the headers it is given go with the request. */
  call<T>(
    request: { readonly service: string; readonly operation: string; readonly method: string },
    work: (headers: Readonly<Record<string, string>>) => Promise<T>,
  ): Promise<T>;
};
