import { AppError, invalid } from '@flywheel/core';
import type { featureStore, Scalar } from '@flywheel/contracts';
import { oip } from '@flywheel/contracts';
import type { InferRequest, ModelSignature, Tensor } from '@flywheel/inference';

export const MAXIMUM_ROWS = 1000;

/** What a caller gives an endpoint: entity keys and request columns, or the vector itself when no features are joined. */
export type EndpointInputs = {
  readonly service: featureStore.StoredService | undefined;
  readonly signature: ModelSignature;
};

export type RequestRow = { entities: Record<string, Scalar>; request: Record<string, Scalar> };

/** Columns that a feature takes as a number travel as FP32, everything else as text. */
export function endpointInputs(
  service: featureStore.StoredService | undefined,
  features: number,
): EndpointInputs {
  const outputs = [
    { name: oip.endpointOutputs.probability, datatype: 'FP32' as const, shape: [-1] },
    { name: oip.endpointOutputs.predictionId, datatype: 'BYTES' as const, shape: [-1] },
  ];
  if (!service)
    return {
      service,
      signature: {
        inputs: [{ name: 'features', datatype: 'FP32', shape: [-1, features] }],
        outputs,
      },
    };
  const numbers = new Set(
    service.onDemand
      .filter((feature) => feature.transform === 'value')
      .map((feature) => feature.from),
  );
  const columns = [
    ...new Set([...service.entities.flatMap((entity) => entity.keys), ...service.requestColumns]),
  ];
  return {
    service,
    signature: {
      inputs: columns.map((name) => ({
        name,
        datatype: numbers.has(name) ? ('FP32' as const) : ('BYTES' as const),
        shape: [-1],
      })),
      outputs,
    },
  };
}

/** The number of rows a request asks for; all its tensors must agree. */
export function rowCount(request: InferRequest): number {
  const rows = request.inputs[0]?.shape[0] ?? 0;
  for (const [index, tensor] of request.inputs.entries())
    if (tensor.shape[0] !== rows)
      throw invalid(`inputs[${index}].shape[0]`, `must be ${rows} as in the other inputs`);
  if (rows < 1) throw invalid('inputs[0].shape[0]', 'must be at least 1');
  if (rows > MAXIMUM_ROWS)
    throw new AppError(
      'payload_too_large',
      `inputs[0].shape[0]: must be at most ${MAXIMUM_ROWS} rows`,
      { details: { field: 'inputs[0].shape[0]', rule: `must be at most ${MAXIMUM_ROWS}` } },
    );
  return rows;
}

/** Each row as the feature store asks for it. */
export function requestRows(
  { service }: EndpointInputs,
  request: InferRequest,
  rows: number,
): RequestRow[] {
  const keys = new Set(service?.entities.flatMap((entity) => entity.keys));
  const columns = request.inputs.map((tensor, index) => ({
    name: tensor.name,
    isKey: keys.has(tensor.name),
    values: scalars(tensor, `inputs[${index}].data`),
  }));
  return Array.from({ length: rows }, (_, row) => {
    const entities: Record<string, Scalar> = {};
    const given: Record<string, Scalar> = {};
    for (const column of columns)
      (column.isKey ? entities : given)[column.name] = column.values[row] ?? null;
    return { entities, request: given };
  });
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function scalars(tensor: Tensor, field: string): Scalar[] {
  if (tensor.datatype !== 'BYTES') return Array.from(tensor.data as Float32Array);
  return tensor.data.map((bytes, index) => {
    try {
      return utf8.decode(bytes);
    } catch {
      throw invalid(`${field}[${index}]`, 'must be UTF-8 text');
    }
  });
}
