import { invalid } from '@flywheel/core';
import type { JsonScanner } from '../json/json-scanner.ts';
import type { ModelSignature } from '../signature/model-signature.ts';
import { noParameters } from '../tensors/tensor.ts';
import type { Parameters, Tensor } from '../tensors/tensor.ts';
import { parseRawRequest } from './parse-raw-request.ts';
import { booleanParameter, readParameters } from './read-parameters.ts';
import { readText, readTensor } from './read-tensor.ts';
import type { TensorReading } from './read-tensor.ts';
import { checkTailRead, splitBody } from './split-body.ts';
import type { BodyOptions } from './split-body.ts';

export type RequestedOutput = {
  readonly name: string;
  readonly parameters: Parameters;
  /** Whether it is to travel as raw bytes: its own `binary_data`, else the request's `binary_data_output`. */
  readonly binary: boolean;
};

export type InferRequest = {
  readonly id?: string;
  readonly parameters: Parameters;
  readonly inputs: readonly Tensor[];
  /** Absent means: all the model has. */
  readonly outputs?: readonly RequestedOutput[];
  /** `binary_data_output`: what holds for every output that is not named. */
  readonly binaryOutput: boolean;
};

/**
 * An inference request of the Open Inference Protocol, in JSON or with binary tensors. Strict: what is not exactly a
 * value of its datatype is refused with the field's path (`inputs[0].data[3]`); members it does not know are passed
 * over; `null` for an optional member counts as absent. `signature` is needed for raw requests (header length 0).
 */
export function parseInferRequest(
  body: Uint8Array,
  options: BodyOptions & { readonly signature?: ModelSignature | undefined } = {},
): InferRequest {
  if (options.headerLength === 0) return parseRawRequest(body, options);
  const reading = splitBody(body, options);
  const parts = readTopLevel(reading);
  checkTailRead(reading);
  const { id, inputs, outputs, parameters = noParameters } = parts;
  if (!inputs) throw invalid('inputs', 'is required');
  const binaryOutput = booleanParameter(parameters, 'binary_data_output', 'parameters') ?? false;
  const request: Writable<InferRequest> = { parameters, inputs, binaryOutput };
  if (id !== undefined) request.id = id;
  if (outputs && outputs.length > 0)
    request.outputs = outputs.map(({ name, parameters: own, binary }) => ({
      name,
      parameters: own,
      binary: binary ?? binaryOutput,
    }));
  return request;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };
type OutputParts = { name: string; parameters: Parameters; binary: boolean | undefined };
type Parts = {
  id?: string;
  parameters?: Parameters;
  inputs?: readonly Tensor[];
  outputs?: readonly OutputParts[];
};

function readTopLevel(reading: TensorReading): Parts {
  const { scanner } = reading;
  const parts: Parts = {};
  scanner.demand(0x7b, 'body', 'must be a JSON object');
  scanner.object((key) => {
    if (Object.hasOwn(parts, key)) throw invalid(key, 'must be given once');
    readMember(reading, parts, key);
  });
  scanner.end();
  return parts;
}

function readMember(reading: TensorReading, parts: Parts, key: string): void {
  const { scanner } = reading;
  switch (key) {
    case 'id':
      if (scanner.isNull()) scanner.null();
      else if (scanner.peek() === 0x22) parts.id = scanner.string();
      else throw invalid('id', 'must be a string');
      break;
    case 'parameters':
      parts.parameters = readParameters(scanner, 'parameters');
      break;
    case 'inputs':
      parts.inputs = readTensors(reading, 'inputs');
      break;
    case 'outputs':
      if (scanner.isNull()) scanner.null();
      else parts.outputs = readOutputs(scanner, reading.limits.maxTensors);
      break;
    default:
      scanner.skip();
  }
}

/** A non-empty array of tensors, no name twice. */
export function readTensors(reading: TensorReading, field: string): readonly Tensor[] {
  const { scanner, limits } = reading;
  scanner.demand(0x5b, field, 'must be an array');
  const tensors: Tensor[] = [];
  scanner.array((index) => {
    if (index === limits.maxTensors)
      throw invalid(field, `must not hold more than ${limits.maxTensors} tensors`);
    const tensor = readTensor(reading, `${field}[${index}]`);
    if (tensors.some(({ name }) => name === tensor.name))
      throw invalid(`${field}[${index}].name`, 'must not name a tensor twice');
    tensors.push(tensor);
  });
  if (tensors.length === 0) throw invalid(field, 'must hold at least one tensor');
  return tensors;
}

function readOutputs(scanner: JsonScanner, most: number): readonly OutputParts[] {
  scanner.demand(0x5b, 'outputs', 'must be an array');
  const outputs: OutputParts[] = [];
  scanner.array((index) => {
    if (index === most) throw invalid('outputs', `must not name more than ${most} outputs`);
    const output = readOutput(scanner, `outputs[${index}]`);
    if (outputs.some(({ name }) => name === output.name))
      throw invalid(`outputs[${index}].name`, 'must not name an output twice');
    outputs.push(output);
  });
  return outputs;
}

function readOutput(scanner: JsonScanner, field: string): OutputParts {
  let name: string | undefined;
  let parameters: Parameters | undefined;
  scanner.demand(0x7b, field, 'must be an object');
  scanner.object((key) => {
    if ((key === 'name' && name !== undefined) || (key === 'parameters' && parameters))
      throw invalid(`${field}.${key}`, 'must be given once');
    if (key === 'name') name = readText(scanner, `${field}.name`);
    else if (key === 'parameters') parameters = readParameters(scanner, `${field}.parameters`);
    else scanner.skip();
  });
  if (name === undefined) throw invalid(`${field}.name`, 'is required');
  parameters ??= noParameters;
  const binary = booleanParameter(parameters, 'binary_data', `${field}.parameters`);
  if ('shared_memory_region' in parameters)
    throw invalid(`${field}.parameters.shared_memory_region`, 'shared memory is not offered');
  return { name, parameters, binary };
}
