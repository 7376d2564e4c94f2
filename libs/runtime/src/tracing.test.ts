import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { eventually } from '@flywheel/core/testing';
import { expect, it } from 'vitest';
import { countingService } from './fixture/counting-service.ts';
import { startTestProcess } from './testing.ts';

type SentSpan = { name: string; kind: number; traceId: string; parentSpanId?: string };
type Export = {
  resourceSpans: {
    resource: { attributes: { key: string; value: { stringValue?: string } }[] };
    scopeSpans: { spans: SentSpan[] }[];
  }[];
};

/** A collector that keeps what it is sent. */
async function startCollector() {
  const spans: SentSpan[] = [];
  const names = new Set<string | undefined>();
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const { resourceSpans } = JSON.parse(Buffer.concat(parts).toString()) as Export;
      for (const { resource, scopeSpans } of resourceSpans) {
        const name = resource.attributes.find(({ key }) => key === 'service.name');
        names.add(name?.value.stringValue);
        spans.push(...scopeSpans.flatMap((scope) => scope.spans));
      }
      response.end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    spans,
    names,
    url: `http://127.0.0.1:${port}`,
    [Symbol.dispose]: () => void server.close(),
  };
}

it('a trace goes from the caller through the request and the log to the handler', async () => {
  using collector = await startCollector();
  const traceId = '0af7651916cd43dd8448eb211c80319c';
  {
    await using running = await startTestProcess([countingService], {
      environment: { OTEL_EXPORTER_OTLP_ENDPOINT: `${collector.url}/` },
    });
    const counted = await fetch(`${running.url}/api/ingestion/counted/traced`, {
      method: 'POST',
      headers: { traceparent: `00-${traceId}-b7ad6b7169203331-01` },
    });
    expect(counted.status).toBe(200);
    await eventually(async () => {
      const reply = await fetch(`${running.url}/api/ingestion/counted`);
      expect(await reply.json()).toMatchObject({ handled: ['traced'] });
    });
  } // what was not sent yet is sent at the end

  const ofTrace = collector.spans.filter((span) => span.traceId === traceId);
  expect(ofTrace.map(({ name }) => name)).toEqual(
    expect.arrayContaining([
      'POST /api/ingestion/counted/:batch',
      expect.stringMatching(/^process ingest/) as string,
    ]),
  );
  expect(ofTrace.find(({ name }) => name.startsWith('POST'))?.parentSpanId).toBe(
    'b7ad6b7169203331',
  );
  expect([...collector.names]).toEqual(['ingestion']);
});
