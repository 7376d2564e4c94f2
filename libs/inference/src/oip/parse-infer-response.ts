import { invalid } from '@flywheel/core';
import type { Parameters, Tensor } from '../tensors/tensor.ts';
import type { InferResponse } from './encode-infer-response.ts';
import { readParameters } from './read-parameters.ts';
import { readTensors } from './parse-infer-request.ts';
import { readText } from './read-tensor.ts';
import { checkTailRead, splitBody } from './split-body.ts';
import type { BodyOptions } from './split-body.ts';

/** What a server of the Open Inference Protocol answered; as strict as the request's parser. */
export function parseInferResponse(body: Uint8Array, options: BodyOptions = {}): InferResponse {
  const reading = splitBody(body, options);
  const { scanner } = reading;
  let modelName: string | undefined;
  let modelVersion: string | undefined;
  let id: string | undefined;
  let parameters: Parameters | undefined;
  let outputs: readonly Tensor[] | undefined;
  scanner.demand(0x7b, 'body', 'must be a JSON object');
  scanner.object((key) => {
    if (key !== 'outputs' && scanner.isNull()) scanner.null();
    else if (key === 'model_name') modelName = readText(scanner, key);
    else if (key === 'model_version') modelVersion = scanner.string();
    else if (key === 'id') id = scanner.string();
    else if (key === 'parameters') parameters = readParameters(scanner, key);
    else if (key === 'outputs') outputs = readTensors(reading, key);
    else scanner.skip();
  });
  scanner.end();
  checkTailRead(reading);
  if (modelName === undefined) throw invalid('model_name', 'is required');
  if (!outputs) throw invalid('outputs', 'is required');
  return { modelName, modelVersion, id, parameters, outputs };
}
