import type { Environment } from './config.ts';

/**
 * Sends spans where OTEL_EXPORTER_OTLP_ENDPOINT says; without it tracing stays a no-op and the SDK is not even loaded.
 * Gives back what flushes and ends it.
 */
export async function startTracing(
  environment: Environment,
  serviceName: string,
): Promise<AsyncDisposable> {
  const endpoint = environment['OTEL_EXPORTER_OTLP_ENDPOINT'];
  if (!endpoint) return { [Symbol.asyncDispose]: () => Promise.resolve() };
  const [
    { BatchSpanProcessor, NodeTracerProvider },
    { OTLPTraceExporter },
    { resourceFromAttributes },
  ] = await Promise.all([
    import('@opentelemetry/sdk-trace-node'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
  ]);
  const exporter = new OTLPTraceExporter({ url: `${endpoint.replace(/\/+$/, '')}/v1/traces` });
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({
      'service.name': environment['OTEL_SERVICE_NAME'] ?? serviceName,
    }),
    spanProcessors: [new BatchSpanProcessor(exporter)],
  });
  provider.register();
  return { [Symbol.asyncDispose]: () => provider.shutdown() };
}
