import type { NonFinite } from '../json/write-values.ts';
import type { Parameters, Tensor } from '../tensors/tensor.ts';
import { joinBody, parametersMember, tensorText } from './write-tensor.ts';
import type { EncodedBody } from './write-tensor.ts';

export type InferResponse = {
  readonly modelName: string;
  readonly modelVersion?: string | undefined;
  readonly id?: string | undefined;
  readonly parameters?: Parameters | undefined;
  readonly outputs: readonly Tensor[];
};

export type EncodeOptions = {
  /** Which tensors travel as raw bytes; none by default. */
  readonly binary?: (name: string) => boolean;
  /** What JSON holds for NaN and the infinities; by default they are refused, naming the output. */
  readonly nonFinite?: NonFinite;
};

/**
 * An inference response of the Open Inference Protocol. Everything is decided before the first byte is sent: what JSON
 * cannot say (a NaN, bytes that are not text, FP16) is an `invalid_argument` that names the output.
 */
export function encodeInferResponse(
  response: InferResponse,
  options: EncodeOptions = {},
): EncodedBody {
  const { binary: isBinary = () => false, nonFinite = 'refuse' } = options;
  const binary: Uint8Array[] = [];
  const outputs = response.outputs.map((tensor, index) =>
    tensorText(tensor, `outputs[${index}]`, isBinary(tensor.name), { nonFinite, binary }),
  );
  const version =
    response.modelVersion === undefined
      ? ''
      : `,"model_version":${JSON.stringify(response.modelVersion)}`;
  const id = response.id === undefined ? '' : `,"id":${JSON.stringify(response.id)}`;
  const json = `{"model_name":${JSON.stringify(response.modelName)}${version}${id}${parametersMember(response.parameters)},"outputs":[${outputs.join(',')}]}`;
  return joinBody(json, binary);
}

/** Which outputs a request wants as raw bytes. */
export function wantsBinary(request: {
  readonly outputs?: readonly { readonly name: string; readonly binary: boolean }[];
  readonly binaryOutput: boolean;
}): (name: string) => boolean {
  const { outputs, binaryOutput } = request;
  if (!outputs) return () => binaryOutput;
  return (name) => outputs.find((output) => output.name === name)?.binary ?? binaryOutput;
}
