import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Span, SpanOptions } from '@opentelemetry/api';
import type { HttpTracing } from '@flywheel/http';
import type { BusTracing } from '@flywheel/kafka';

// Without an SDK registered (see start-tracing.ts) the API's own no-op tracer stands behind all this and costs nothing.
const tracer = trace.getTracer('flywheel');

/** Spans of requests in and out, in OpenTelemetry's semantic conventions for HTTP. */
export function httpTracing(): HttpTracing {
  return {
    serve: (request, work) =>
      context.with(propagation.extract(context.active(), request.headers), () =>
        inSpan(
          `${request.method} ${request.route}`,
          {
            kind: SpanKind.SERVER,
            attributes: {
              'http.request.method': request.method,
              'http.route': request.route,
              'flywheel.service': request.service,
            },
          },
          async (span) => {
            const status = await work();
            span.setAttribute('http.response.status_code', status);
            if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
            return status;
          },
        ),
      ),
    call: (request, work) =>
      inSpan(
        request.operation,
        {
          kind: SpanKind.CLIENT,
          attributes: {
            'http.request.method': request.method,
            'flywheel.service': request.service,
          },
        },
        () => {
          const headers: Record<string, string> = {};
          propagation.inject(context.active(), headers);
          return work(headers);
        },
      ),
  };
}

/** Trace context of events, in OpenTelemetry's semantic conventions for messaging. */
export function busTracing(): BusTracing {
  return {
    inject: (headers) => propagation.inject(context.active(), headers),
    extract: (headers, name, work) =>
      context.with(propagation.extract(context.active(), headers), () =>
        inSpan(
          `process ${name}`,
          {
            kind: SpanKind.CONSUMER,
            attributes: { 'messaging.system': 'kafka', 'messaging.operation.type': 'process' },
          },
          work,
        ),
      ),
  };
}

function inSpan<T>(
  name: string,
  options: SpanOptions,
  work: (span: Span) => Promise<T>,
): Promise<T> {
  return tracer.startActiveSpan(name, options, async (span) => {
    try {
      return await work(span);
    } catch (error) {
      span.recordException(error as Error);
      span.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
    }
  });
}
