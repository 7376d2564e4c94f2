import { AppError, invalid } from '@flywheel/core';
import { decodeUtf8 } from '../json/utf8.ts';
import type { ModelSignature, TensorSpec } from '../signature/model-signature.ts';
import type { Datatype } from '../tensors/datatype.ts';
import { protobufFields } from './protobuf-reader.ts';

/** What an ONNX file says of itself. Field numbers are those of onnx.proto. */
export type OnnxFile = {
  readonly signature: ModelSignature;
  readonly irVersion: number;
  readonly producerName: string;
  /** Version by operator domain; the standard's own domain is ''. */
  readonly opsets: Readonly<Record<string, number>>;
  /** `metadata_props`; has no prototype. */
  readonly metadata: Readonly<Record<string, string>>;
};

/** Reads the head of an ONNX file without its weights. What the platform cannot serve is refused by name. */
export function readOnnxFile(bytes: Uint8Array): OnnxFile {
  try {
    return readModel(bytes);
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw notOnnx(error);
  }
}

/** A file that is no ONNX model, or one that the runtime refuses. */
export function notOnnx(cause: unknown): AppError {
  const reason = cause instanceof Error ? cause.message.slice(0, 500) : undefined;
  return invalid('model', 'must be an ONNX model that the runtime accepts', { reason });
}

function readModel(bytes: Uint8Array): OnnxFile {
  let graph: Uint8Array | undefined;
  let irVersion = 0;
  let producerName = '';
  const opsets = Object.create(null) as Record<string, number>;
  const metadata = Object.create(null) as Record<string, string>;
  for (const field of protobufFields(bytes)) {
    if (field.number === 1) irVersion = Number(field.varint);
    else if (field.number === 2) producerName = text(field.bytes);
    else if (field.number === 7) graph = field.bytes;
    else if (field.number === 8) readOpset(field.bytes, opsets);
    else if (field.number === 14) readProperty(field.bytes, metadata);
  }
  if (!graph) throw new RangeError('there is no graph');
  return { signature: readGraph(graph), irVersion, producerName, opsets, metadata };
}

function readOpset(message: Uint8Array, opsets: Record<string, number>): void {
  let domain = '';
  let version = 0;
  for (const field of protobufFields(message)) {
    if (field.number === 1) domain = text(field.bytes);
    else if (field.number === 2) version = Number(field.varint);
  }
  opsets[domain === 'ai.onnx' ? '' : domain] = version;
}

function readProperty(message: Uint8Array, metadata: Record<string, string>): void {
  let key = '';
  let value = '';
  for (const field of protobufFields(message)) {
    if (field.number === 1) key = text(field.bytes);
    else if (field.number === 2) value = text(field.bytes);
  }
  metadata[key] = value;
}

function readGraph(graph: Uint8Array): ModelSignature {
  const inputs: Uint8Array[] = [];
  const outputs: Uint8Array[] = [];
  const initializers = new Set<string>();
  for (const field of protobufFields(graph)) {
    if (field.number === 5) initializers.add(nameIn(field.bytes, 8));
    else if (field.number === 11) inputs.push(field.bytes);
    else if (field.number === 12) outputs.push(field.bytes);
  }
  // Before IR 4 initial values stood among the inputs; nobody has to send them.
  const asked = inputs.filter((input) => !initializers.has(nameIn(input, 1)));
  return {
    inputs: asked.map((input) => readValue(input, 'input')),
    outputs: outputs.map((output) => readValue(output, 'output')),
  };
}

function readValue(message: Uint8Array, role: 'input' | 'output'): TensorSpec {
  let name = '';
  let type: Uint8Array | undefined;
  for (const field of protobufFields(message)) {
    if (field.number === 1) name = text(field.bytes);
    else if (field.number === 2) type = field.bytes;
  }
  const tensorType = type && firstTensorType(type);
  if (!tensorType)
    throw invalid(
      `model.${role}s.${name}`,
      `must be a tensor: export a scikit-learn classifier with the option zipmap=False`,
    );
  return readTensorType(tensorType, name, role);
}

function firstTensorType(type: Uint8Array): Uint8Array | undefined {
  for (const field of protobufFields(type)) if (field.number === 1) return field.bytes;
  return undefined;
}

function readTensorType(message: Uint8Array, name: string, role: string): TensorSpec {
  let elementType = 0;
  let shape: readonly number[] | undefined;
  for (const field of protobufFields(message)) {
    if (field.number === 1) elementType = Number(field.varint);
    else if (field.number === 2) shape = readShape(field.bytes);
  }
  const datatype = datatypeByElementType[elementType];
  if (!datatype)
    throw invalid(
      `model.${role}s.${name}`,
      `must have a datatype that can be served, not ONNX type ${elementType}`,
    );
  return shape ? { name, datatype, shape } : { name, datatype, shape: [-1], anyRank: true };
}

function readShape(message: Uint8Array): readonly number[] {
  const shape: number[] = [];
  for (const field of protobufFields(message))
    if (field.number === 1) shape.push(readDimension(field.bytes));
  return shape;
}

/** A dimension is its value; a name, or nothing at all, means that it varies. */
function readDimension(message: Uint8Array): number {
  for (const field of protobufFields(message))
    if (field.number === 1) {
      const value = Number(BigInt.asIntN(64, field.varint));
      return value >= 0 ? value : -1;
    }
  return -1;
}

function nameIn(message: Uint8Array, number: number): string {
  for (const field of protobufFields(message))
    if (field.number === number) return text(field.bytes);
  return '';
}

function text(bytes: Uint8Array): string {
  const decoded = decodeUtf8(bytes);
  if (decoded === undefined) throw new RangeError('a name is not UTF-8');
  return decoded;
}

/** `TensorProto.DataType` to the protocol's names. */
const datatypeByElementType: Readonly<Partial<Record<number, Datatype>>> = {
  1: 'FP32',
  2: 'UINT8',
  3: 'INT8',
  4: 'UINT16',
  5: 'INT16',
  6: 'INT32',
  7: 'INT64',
  8: 'BYTES',
  9: 'BOOL',
  10: 'FP16',
  11: 'FP64',
  12: 'UINT32',
  13: 'UINT64',
};
