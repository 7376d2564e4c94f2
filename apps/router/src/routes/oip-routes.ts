import { AppError } from '@flywheel/core';
import {
  encodeInferResponse,
  headerLengthName,
  parseHeaderLength,
  parseInferRequest,
  wantsBinary,
} from '@flywheel/inference';
import type { RawReply, RawRequest } from '@flywheel/http';
import type { ServiceContext } from '@flywheel/runtime';
import { answerRequest } from '../answering/answer-request.ts';
import type { AnswerParts } from '../answering/answer-request.ts';
import type { Route, RouteTable } from '../routing/route-table.ts';

const BODY_LIMIT_BYTES = 64 * 1024 * 1024;
const SERVER = {
  name: 'flywheel',
  version: '0.1.0',
  extensions: ['binary_tensor_data', 'model_repository'],
};

/** The Open Inference Protocol, version 2, over HTTP: JSON and binary tensors, errors as `{"error": …}`. */
export function oipRoutes(
  http: ServiceContext<unknown>['http'],
  table: RouteTable,
  parts: AnswerParts,
): void {
  http.errorShapeFor('/v2', (error) => ({
    body: {
      error: error.status >= 500 && error.code === 'internal' ? 'internal error' : error.message,
    },
  }));
  const get = (
    path: string,
    name: string,
    summary: string,
    handler: (request: RawRequest) => RawReply,
  ) =>
    http.route({
      service: 'router',
      name: `oip.${name}`,
      summary,
      method: 'GET',
      path,
      body: 'none',
      handler,
    });

  get('/v2', 'server-metadata', 'Names the server and its extensions', () => ({ body: SERVER }));
  get('/v2/health/live', 'server-live', 'Tells that the server lives', () => ({
    body: { live: true },
  }));
  get('/v2/health/ready', 'server-ready', 'Tells that every deployed model can answer', () => {
    return {
      status: table.isReady ? 200 : 503,
      body: table.isReady ? { live: true, ready: true } : { error: 'a model is being loaded' },
    };
  });
  http.route({
    service: 'router',
    name: 'oip.repository-index',
    summary: 'Lists the models and their states',
    method: 'POST',
    path: '/v2/repository/index',
    body: 'buffer',
    handler: () => ({
      body: table.endpoints().map((endpoint) => ({
        name: endpoint,
        version: versionOf(table, endpoint),
        state: table.find(endpoint) ? 'READY' : 'LOADING',
        reason: '',
      })),
    }),
  });
  for (const version of ['', '/versions/:version']) {
    const suffix = version === '' ? '' : '-version';
    const base = `/v2/models/:model${version}`;
    get(
      base,
      `model-metadata${suffix}`,
      'Describes what a model takes and gives',
      ({ params }) => ({ body: metadata(routeOf(table, params)) }),
    );
    get(`${base}/ready`, `model-ready${suffix}`, 'Tells that a model can answer', ({ params }) => {
      const route = routeOf(table, params);
      return { body: { name: route.deployment.endpoint, ready: true } };
    });
    http.route({
      service: 'router',
      name: `oip.model-infer${suffix}`,
      summary: 'Asks a model for predictions',
      method: 'POST',
      path: `${base}/infer`,
      body: 'buffer',
      bodyLimitBytes: BODY_LIMIT_BYTES,
      handler: async ({ params, headers, body }) => {
        const route = routeOf(table, params);
        const headerLength = parseHeaderLength(headerText(headers[headerLengthName.toLowerCase()]));
        const request = parseInferRequest(body, {
          ...(headerLength === undefined ? {} : { headerLength }),
          signature: route.inputs.signature,
        });
        const answer = await answerRequest(route, request, parts);
        const encoded = encodeInferResponse(answer, { binary: wantsBinary(request) });
        return reply(encoded);
      },
    });
  }
}

function routeOf(table: RouteTable, params: Readonly<Record<string, string>>): Route {
  const route = table.route(params['model'] ?? '');
  const version = params['version'];
  if (
    version !== undefined &&
    !route.deployment.variants.some(
      (variant) => variant.role === 'champion' && String(variant.version) === version,
    )
  )
    throw new AppError('not_found', 'the model does not answer with this version', {
      details: { version: version.slice(0, 100) },
    });
  return route;
}

function versionOf(table: RouteTable, endpoint: string): string {
  return String(
    table.newest(endpoint)?.variants.find((variant) => variant.role === 'champion')?.version ?? '',
  );
}

function metadata({ deployment, inputs }: Route): object {
  const answering = deployment.variants.filter((variant) => variant.role !== 'shadow');
  return {
    name: deployment.endpoint,
    versions: answering.map((variant) => String(variant.version)),
    platform: 'onnx_onnxv1',
    inputs: inputs.signature.inputs,
    outputs: inputs.signature.outputs,
    properties: {
      revision: String(deployment.revision),
      feature_service: deployment.featureService ?? '',
    },
  };
}

function headerText(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

function reply({
  body,
  headerLength,
}: {
  body: string | Uint8Array;
  headerLength?: number | undefined;
}): RawReply {
  if (headerLength === undefined) return { headers: { 'content-type': 'application/json' }, body };
  return {
    headers: {
      'content-type': 'application/octet-stream',
      [headerLengthName]: String(headerLength),
    },
    body,
  };
}
