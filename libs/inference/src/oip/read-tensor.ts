import { invalid } from '@flywheel/core';
import type { JsonScanner } from '../json/json-scanner.ts';
import { elementBytes, isDatatype } from '../tensors/datatype.ts';
import type { Datatype } from '../tensors/datatype.ts';
import { aTensorOf, elementCount } from '../tensors/tensor.ts';
import type { Parameters, Tensor } from '../tensors/tensor.ts';
import { decodeBinary } from './binary-data.ts';
import type { InferLimits } from './limits.ts';
import { readData } from './read-data.ts';
import { readParameters, withoutParameter } from './read-parameters.ts';

/** The raw bytes that follow the JSON; undefined when the whole body is JSON. */
export type BinaryTail = { readonly bytes: Uint8Array; at: number };

export type TensorReading = {
  readonly scanner: JsonScanner;
  readonly tail: BinaryTail | undefined;
  readonly limits: InferLimits;
};

/** What has been read of one tensor so far; members may come in any order. */
type Parts = {
  name?: string;
  datatype?: Datatype;
  shape?: readonly number[];
  parameters?: Parameters;
  data?: Tensor['data'];
  /** Where `data` begins when it came before what tells how to read it. */
  dataAt?: number;
};

/** Reads one member of `inputs` or `outputs`: an object whose data stand in it, or in the binary tail. */
export function readTensor(reading: TensorReading, field: string): Tensor {
  const { scanner } = reading;
  scanner.demand(0x7b, field, 'must be an object');
  const parts: Parts = {};
  scanner.object((key) => {
    readMember(reading, parts, key, field);
  });
  return assemble(reading, parts, field);
}

function readMember(reading: TensorReading, parts: Parts, key: string, field: string): void {
  const { scanner } = reading;
  if (isGiven(parts, key)) throw invalid(`${field}.${key}`, 'must be given once');
  switch (key) {
    case 'name':
      parts.name = readText(scanner, `${field}.name`);
      break;
    case 'datatype':
      parts.datatype = readDatatype(scanner, `${field}.datatype`);
      break;
    case 'shape':
      parts.shape = readShape(reading, `${field}.shape`);
      break;
    case 'parameters':
      parts.parameters = readParameters(scanner, `${field}.parameters`);
      break;
    case 'data':
      if (parts.datatype && parts.shape) parts.data = readJsonData(reading, parts, field);
      else {
        scanner.peek();
        parts.dataAt = scanner.at;
        scanner.skip();
      }
      break;
    default:
      scanner.skip();
  }
}

function isGiven(parts: Parts, key: string): boolean {
  if (key === 'data') return parts.data !== undefined || parts.dataAt !== undefined;
  return Object.hasOwn(parts, key);
}

function assemble(reading: TensorReading, parts: Parts, field: string): Tensor {
  const { name, datatype, shape, parameters } = parts;
  if (name === undefined) throw invalid(`${field}.name`, 'is required');
  if (!datatype) throw invalid(`${field}.datatype`, 'is required');
  if (!shape) throw invalid(`${field}.shape`, 'is required');
  if (!parameters) return aTensorOf(name, datatype, shape, jsonData(reading, parts, field));
  if ('shared_memory_region' in parameters)
    throw invalid(`${field}.parameters.shared_memory_region`, 'shared memory is not offered');
  const size = parameters['binary_data_size'];
  if (size !== undefined && isGiven(parts, 'data'))
    throw invalid(`${field}.data`, 'must be absent when binary_data_size is given');
  const data =
    size === undefined
      ? jsonData(reading, parts, field)
      : binaryData(reading, { datatype, shape, size }, field);
  const tensor = aTensorOf(name, datatype, shape, data);
  const rest = withoutParameter(parameters, 'binary_data_size');
  return Object.keys(rest).length === 0 ? tensor : { ...tensor, parameters: rest };
}

function jsonData(reading: TensorReading, parts: Parts, field: string): Tensor['data'] {
  if (parts.data) return parts.data;
  if (parts.dataAt === undefined) throw invalid(`${field}.data`, 'is required');
  const { scanner } = reading;
  const after = scanner.at;
  scanner.at = parts.dataAt;
  const data = readJsonData(reading, parts, field);
  scanner.at = after;
  return data;
}

function readJsonData(reading: TensorReading, parts: Parts, field: string): Tensor['data'] {
  const { scanner } = reading;
  const datatype = parts.datatype as Datatype;
  const shape = parts.shape as readonly number[];
  const count = checkedCount(reading, datatype, shape, field);
  if (datatype === 'FP16') throw invalid(`${field}.data`, 'FP16 travels as binary only');
  // One character each and a comma between: a text that is shorter cannot hold them.
  if (count * 2 - 1 > scanner.text.length - scanner.at)
    throw invalid(
      `${field}.data`,
      `must hold ${count} elements, as the shape ${JSON.stringify(shape)} says`,
    );
  return readData(scanner, datatype, { field: `${field}.data`, shape, count });
}

function binaryData(
  reading: TensorReading,
  {
    datatype,
    shape,
    size,
  }: { datatype: Datatype; shape: readonly number[]; size: string | number | boolean | bigint },
  field: string,
): Tensor['data'] {
  const path = `${field}.parameters.binary_data_size`;
  const { tail } = reading;
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
    throw invalid(path, 'must be a count of bytes');
  if (!tail) throw invalid(path, 'needs the header Inference-Header-Content-Length');
  const left = tail.bytes.byteLength - tail.at;
  if (size > left) throw invalid(path, `must not exceed the ${left} bytes left of the body`);
  const count = checkedCount(reading, datatype, shape, field);
  const least = datatype === 'BYTES' ? 4 : elementBytes(datatype);
  if (count * least > size)
    throw invalid(path, `must be at least ${count * least}: ${count} elements`);
  const bytes = tail.bytes.subarray(tail.at, tail.at + size);
  tail.at += size;
  return decodeBinary(bytes, datatype, { count, field });
}

function checkedCount(
  { limits }: TensorReading,
  datatype: Datatype,
  shape: readonly number[],
  field: string,
): number {
  const count = elementCount(shape);
  const most = datatype === 'BYTES' ? limits.maxByteElements : limits.maxElements;
  if (count > most) throw invalid(`${field}.shape`, `must not mean more than ${most} elements`);
  return count;
}

function readShape({ scanner, limits }: TensorReading, field: string): readonly number[] {
  scanner.demand(0x5b, field, 'must be an array');
  const shape: number[] = [];
  scanner.array((index) => {
    if (index === limits.maxRank)
      throw invalid(field, `must not have more than ${limits.maxRank} dimensions`);
    const dimension = scanner.isNumber() ? scanner.safeInteger() : undefined;
    if (dimension === undefined || dimension < 0)
      throw invalid(
        `${field}[${index}]`,
        `must be an integer from 0 to ${Number.MAX_SAFE_INTEGER}`,
      );
    shape.push(dimension);
  });
  return shape;
}

function readDatatype(scanner: JsonScanner, field: string): Datatype {
  const name = readText(scanner, field);
  if (!isDatatype(name))
    throw invalid(
      field,
      'must be one of BOOL, UINT8, UINT16, UINT32, UINT64, INT8, INT16, INT32, INT64, FP16, FP32, FP64, BYTES',
    );
  return name;
}

/** A string that is not empty. */
export function readText(scanner: JsonScanner, field: string): string {
  scanner.demand(0x22, field, 'must be a string');
  const text = scanner.string();
  if (text === '') throw invalid(field, 'must not be empty');
  return text;
}
