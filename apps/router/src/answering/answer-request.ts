import { AppError, invalid, newId, toAppError } from '@flywheel/core';
import type { Clock } from '@flywheel/core';
import { featureStore, oip } from '@flywheel/contracts';
import type { registry, router } from '@flywheel/contracts';
import type { Peers } from '@flywheel/http';
import { checkRequest } from '@flywheel/inference';
import type { InferRequest, InferResponse, Tensor } from '@flywheel/inference';
import type { PredictionLog } from '../logging/prediction-log.ts';
import { draw } from '../routing/draw.ts';
import { pickVariant } from '../routing/pick-variant.ts';
import type { Route } from '../routing/route-table.ts';
import { requestRows, rowCount } from './endpoint-inputs.ts';
import type { RequestRow } from './endpoint-inputs.ts';
import type { EndpointCounts } from './endpoint-counts.ts';
import { hasControlCharacters } from './control-characters.ts';

export type AnswerParts = {
  peers: Peers;
  log: PredictionLog;
  counts: EndpointCounts;
  clock: Clock;
};

type Joined = {
  features: readonly string[];
  vectors: { asOfMs: number; values: (number | null)[] }[];
};

/**
 * Answers one request of an endpoint: picks the variant, joins the features of all rows in one read, scores row by row,
 * and has the predictions safely on disk before the reply leaves. What fails is logged too.
 */
export async function answerRequest(
  route: Route,
  request: InferRequest,
  { peers, log, counts, clock }: AnswerParts,
): Promise<InferResponse> {
  const startedMs = performance.now();
  const { deployment, inputs } = route;
  checkRequest(request, inputs.signature);
  const rows = rowCount(request);
  const requestId = checkId(request.id) ?? newId(clock.nowMs());
  const variant = pickVariant(deployment.variants, draw(deployment.salt, requestId));
  const model = route.models.get(variant.name);
  const given = inputs.service ? requestRows(inputs, request, rows) : undefined;
  const record = (result: {
    joined?: Joined;
    scores?: number[];
    modelMs?: number;
    error?: AppError;
  }) => {
    const latencyMs = performance.now() - startedMs;
    counts.request(deployment.endpoint, { rows, latencyMs, isFailed: result.error !== undefined });
    return log.write(
      deployment.endpoint,
      result.joined?.features ?? [],
      predictions({
        deployment,
        variant,
        requestId,
        rows,
        given,
        latencyMs,
        nowMs: clock.nowMs(),
        ...result,
      }),
    );
  };
  let joined: Joined | undefined;
  const inUse = model?.use();
  try {
    joined = given
      ? await joinFeatures(peers, inputs.service?.name ?? '', given)
      : vectorsOf(request, rows, clock.nowMs());
    if (!model)
      throw new AppError('unavailable', 'the model is not loaded', {
        details: { variant: variant.name },
      });
    const { scores, modelMs } = await model.score(matrix(joined), rows);
    const ids = await record({ joined, scores, modelMs });
    return {
      modelName: deployment.endpoint,
      modelVersion: String(variant.version),
      id: request.id,
      parameters: { variant: variant.name, revision: deployment.revision },
      outputs: askedOutputs(request, scores, ids),
    };
  } catch (thrown) {
    const error = toAppError(thrown);
    // A mistake in the request's values is the caller's; it is no prediction of any variant.
    if (error.status < 500) throw error;
    await record({ ...(joined ? { joined } : {}), error });
    throw error.retryable
      ? error
      : new AppError('unavailable', 'the model could not answer', { cause: error });
  } finally {
    inUse?.[Symbol.dispose]();
  }
}

async function joinFeatures(
  peers: Peers,
  service: string,
  rows: readonly RequestRow[],
): Promise<Joined> {
  return peers.call(featureStore.readVectors, { body: { service, rows: [...rows] } });
}

/** Without a feature service the caller gives the vectors. */
function vectorsOf(request: InferRequest, rows: number, nowMs: number): Joined {
  const data = request.inputs[0]?.data as Float32Array; // FP32 [rows, features], as checked
  const width = data.length / rows;
  return {
    features: [],
    vectors: Array.from({ length: rows }, (_, row) => ({
      asOfMs: nowMs,
      values: Array.from(data.subarray(row * width, (row + 1) * width), (value) =>
        Number.isFinite(value) ? value : null,
      ),
    })),
  };
}

/** rows x features, NaN where a value is missing. */
function matrix({ vectors }: Joined): Float32Array {
  const width = vectors[0]?.values.length ?? 0;
  const values = new Float32Array(vectors.length * width);
  for (const [row, vector] of vectors.entries())
    for (const [column, value] of vector.values.entries())
      values[row * width + column] = value ?? Number.NaN;
  return values;
}

function predictions(parts: {
  deployment: registry.Deployment;
  variant: registry.Variant;
  requestId: string;
  rows: number;
  given: readonly RequestRow[] | undefined;
  latencyMs: number;
  nowMs: number;
  joined?: Joined;
  scores?: number[];
  modelMs?: number;
  error?: AppError;
}): router.Prediction[] {
  const { deployment, variant, requestId, rows, given, joined, scores, error } = parts;
  return Array.from({ length: rows }, (_, row) => ({
    id: rows === 1 ? requestId : `${requestId}:${row}`,
    request: requestId,
    endpoint: deployment.endpoint,
    revision: deployment.revision,
    variant: variant.name,
    role: variant.role,
    model: variant.model,
    version: variant.version,
    propensity: variant.weight,
    atMs: joined?.vectors[row]?.asOfMs ?? parts.nowMs,
    answeredMs: parts.nowMs,
    latencyMs: parts.latencyMs,
    modelMs: parts.modelMs ?? null,
    status: error ? 'failed' : 'answered',
    error: error ? `${error.code}: ${error.message}` : null,
    entities: given?.[row]?.entities ?? {},
    requestFeatures: given?.[row]?.request ?? {},
    vector: joined?.vectors[row]?.values ?? [],
    score: scores?.[row] ?? null,
  }));
}

function askedOutputs(
  request: InferRequest,
  scores: readonly number[],
  ids: readonly string[],
): Tensor[] {
  const shape = [scores.length];
  const all: Record<string, Tensor> = {
    [oip.endpointOutputs.probability]: {
      name: oip.endpointOutputs.probability,
      datatype: 'FP32',
      shape,
      data: Float32Array.from(scores),
    },
    [oip.endpointOutputs.predictionId]: {
      name: oip.endpointOutputs.predictionId,
      datatype: 'BYTES',
      shape,
      data: ids.map((id) => Buffer.from(id)),
    },
  };
  if (!request.outputs) return Object.values(all);
  return request.outputs.flatMap(({ name }) => all[name] ?? []);
}

function checkId(id: string | undefined): string | undefined {
  if (id === undefined || id === '') return undefined;
  if (id.length > 150) throw invalid('id', 'must have at most 150 characters');
  if (hasControlCharacters(id)) throw invalid('id', 'must have no control characters');
  return id;
}
