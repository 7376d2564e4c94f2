import { docsPage } from '../documents/docs-page.ts';
import { openApi } from '../documents/openapi.ts';
import type { RawReply, RawRoute } from './raw-route.ts';
import type { RouteDescription } from './route-table.ts';

export type BuiltIns = {
  /** Why the process is not ready, `undefined` if it is. */
  notReady(): 'starting' | 'stopping' | undefined;
  describe(): readonly RouteDescription[];
  readonly metricsText: (() => string | Promise<string>) | undefined;
  readonly statusConfig: (() => object) | undefined;
};

/** What every process answers besides its services' routes. */
export function builtInRoutes(builtIns: BuiltIns): readonly RawRoute[] {
  const { metricsText, statusConfig } = builtIns;
  return [
    get('/health/live', 'Whether the process turns.', () => ({ body: { live: true } })),
    get('/health/ready', 'Whether requests may be sent here.', () => readiness(builtIns)),
    get('/openapi.json', 'All operations as OpenAPI 3.1.', () => ({
      body: openApi(builtIns.describe()),
    })),
    get('/docs', 'All operations as a page.', () => page(docsPage(builtIns.describe()))),
    ...(metricsText === undefined
      ? []
      : [
          get('/metrics', 'Metrics in the text format of Prometheus.', async () => ({
            headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
            body: await metricsText(),
          })),
        ]),
    ...(statusConfig === undefined
      ? []
      : [
          get('/status/config', 'The settings in force; secrets are masked.', () => ({
            body: statusConfig(),
          })),
        ]),
  ];
}

function get(path: string, summary: string, handler: () => RawReply | Promise<RawReply>): RawRoute {
  const name = `platform.get${path.replaceAll(/[/.]/g, '-')}`;
  return { service: 'platform', name, summary, method: 'GET', path, body: 'none', handler };
}

function readiness(builtIns: BuiltIns): RawReply {
  const reason = builtIns.notReady();
  return reason === undefined
    ? { body: { ready: true } }
    : { status: 503, headers: { 'retry-after': '1' }, body: { ready: false, reason } };
}

function page(body: string): RawReply {
  return {
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
      'x-content-type-options': 'nosniff',
    },
    body,
  };
}
