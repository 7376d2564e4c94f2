import type { EncodeOptions } from './encode-infer-response.ts';
import type { InferRequest } from './parse-infer-request.ts';
import { joinBody, parametersMember, tensorText } from './write-tensor.ts';
import type { EncodedBody } from './write-tensor.ts';

/** What a caller sends to a server of the Open Inference Protocol. */
export function encodeInferRequest(
  request: InferRequest,
  options: EncodeOptions = {},
): EncodedBody {
  const { binary: isBinary = () => false, nonFinite = 'refuse' } = options;
  const binary: Uint8Array[] = [];
  const inputs = request.inputs.map((tensor, index) =>
    tensorText(tensor, `inputs[${index}]`, isBinary(tensor.name), { nonFinite, binary }),
  );
  const parameters = request.binaryOutput
    ? { ...request.parameters, binary_data_output: true }
    : request.parameters;
  const outputs = request.outputs?.map((output) => {
    const own = { ...output.parameters, binary_data: output.binary };
    return `{"name":${JSON.stringify(output.name)}${parametersMember(own)}}`;
  });
  const members = [
    ...(request.id === undefined ? [] : [`"id":${JSON.stringify(request.id)}`]),
    ...(Object.keys(parameters).length === 0 ? [] : [parametersMember(parameters).slice(1)]),
    `"inputs":[${inputs.join(',')}]`,
    ...(outputs ? [`"outputs":[${outputs.join(',')}]`] : []),
  ];
  return joinBody(`{${members.join(',')}}`, binary);
}
