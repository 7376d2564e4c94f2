import type { Readable } from 'node:stream';
import type { RawReply, RawRequest, RouteMethod } from '@flywheel/http';
import type { ServiceContext } from '@flywheel/runtime';
import { mlflowErrors, notEnabled } from './mlflow-errors.ts';
import { Parameters, readingMlflow } from './parameters.ts';

export type Http = ServiceContext<unknown>['http'];

export type MlflowCall = {
  /** Without the service's name: `create-run`. */
  readonly name: string;
  readonly summary: string;
  readonly method: RouteMethod | readonly RouteMethod[];
  /** Below the prefix: `mlflow/runs/create`. */
  readonly path: string;
  /** Of MLflow's API; 2.0 unless given. */
  readonly version?: '2.0' | '3.0';
  /** The largest body, inflated; 32 MiB unless given: a dataset's profile may have 16. */
  handler(parameters: Parameters, request: RawRequest): Promise<object> | object;
};

const bodyLimitBytes = 32 * 1024 * 1024;
const surfaces = [
  { prefix: '/api', suffix: '' },
  { prefix: '/ajax-api', suffix: '-ajax' },
] as const;

/** Serves a call of MLflow's API where its clients and where its web pages look for it. The reply is JSON. */
export function mlflowRoute(http: Http, call: MlflowCall): void {
  for (const { prefix, suffix } of surfaces)
    http.route({
      service: 'tracking',
      name: `tracking.${call.name}${suffix}`,
      summary: call.summary,
      method: call.method,
      path: `${prefix}/${call.version ?? '2.0'}/${call.path}`,
      body: 'json',
      bodyLimitBytes,
      optionalBody: true,
      ...readingMlflow,
      errors: mlflowErrors,
      handler: async (request): Promise<RawReply> => {
        checkWorkspace(request);
        return { body: await call.handler(Parameters.of(request), request) };
      },
    });
}

/** The same for calls that carry bytes. */
export function mlflowBytesRoute(
  http: Http,
  call: Omit<MlflowCall, 'handler' | 'version'> & {
    handler(request: RawRequest<Readable>): Promise<RawReply> | RawReply;
  },
): void {
  for (const { prefix, suffix } of surfaces)
    http.route({
      service: 'tracking',
      name: `tracking.${call.name}${suffix}`,
      summary: call.summary,
      method: call.method,
      path: `${prefix}/2.0/${call.path}`,
      body: 'stream',
      errors: mlflowErrors,
      handler: (request) => call.handler(request),
    });
}

function checkWorkspace({ headers }: RawRequest): void {
  const workspace = headers['x-mlflow-workspace'];
  if (workspace !== undefined && workspace !== '' && workspace !== 'default')
    throw notEnabled('Workspaces are not enabled on this server');
}
