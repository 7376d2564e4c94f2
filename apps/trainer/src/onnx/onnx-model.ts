import { ProtobufWriter } from './protobuf-writer.ts';

/** Element types of tensors, by their number in the format. */
const elementTypes = { float: 1, int64: 7, double: 11 } as const;
type ElementType = keyof typeof elementTypes;

/** A constant of the graph; values are little-endian on the wire. */
export type Initializer = {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly values: ArrayLike<number>;
};

export type Attribute =
  | { readonly int: number }
  | { readonly string: string }
  | { readonly ints: Iterable<number> }
  | { readonly floats: ArrayLike<number> }
  | { readonly strings: readonly string[] };

export type OnnxNode = {
  readonly operator: string;
  readonly domain?: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes?: Readonly<Record<string, Attribute>>;
};

/** A graph input or output; a string dimension is free. */
export type ValueInfo = {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly (number | string)[];
};

export type OnnxGraph = {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly Initializer[];
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
};

export type OnnxModel = {
  readonly graph: OnnxGraph;
  readonly producerVersion: string;
  readonly metadata: Readonly<Record<string, string>>;
};

/** The portable profile: readable by every runtime since ONNX 1.12. */
const IR_VERSION = 8;
const OPSETS = [
  { domain: '', version: 17 },
  { domain: 'ai.onnx.ml', version: 3 },
] as const;
const PRODUCER = 'flywheel';

/**
 * A ModelProto as bytes. Fields are written by number, attributes and metadata by name; no time, host or path goes
 * in, so equal models have equal bytes.
 */
export function encodeOnnxModel(model: OnnxModel): Uint8Array {
  const writer = new ProtobufWriter()
    .int(1, IR_VERSION)
    .string(2, PRODUCER)
    .string(3, model.producerVersion)
    .message(7, encodeGraph(model.graph));
  for (const { domain, version } of OPSETS)
    writer.message(8, new ProtobufWriter().string(1, domain).int(2, version));
  for (const [key, value] of sortedEntries(model.metadata))
    writer.message(14, new ProtobufWriter().string(1, key).string(2, value));
  return writer.finish();
}

function encodeGraph(graph: OnnxGraph): ProtobufWriter {
  const writer = new ProtobufWriter();
  for (const node of graph.nodes) writer.message(1, encodeNode(node));
  writer.string(2, graph.name);
  for (const initializer of graph.initializers) writer.message(5, encodeTensor(initializer));
  for (const input of graph.inputs) writer.message(11, encodeValueInfo(input));
  for (const output of graph.outputs) writer.message(12, encodeValueInfo(output));
  return writer;
}

function encodeNode({
  operator,
  domain,
  inputs,
  output,
  attributes = {},
}: OnnxNode): ProtobufWriter {
  const writer = new ProtobufWriter();
  for (const input of inputs) writer.string(1, input);
  writer.string(2, output).string(3, output).string(4, operator);
  for (const [name, attribute] of sortedEntries(attributes))
    writer.message(5, encodeAttribute(name, attribute));
  if (domain) writer.string(7, domain);
  return writer;
}

function encodeAttribute(name: string, attribute: Attribute): ProtobufWriter {
  const writer = new ProtobufWriter().string(1, name);
  if ('int' in attribute) return writer.int(3, attribute.int).int(20, 2);
  if ('string' in attribute) return writer.string(4, attribute.string).int(20, 3);
  if ('floats' in attribute) return writer.packedFloats(7, attribute.floats).int(20, 6);
  if ('ints' in attribute) return writer.packedInts(8, attribute.ints).int(20, 7);
  for (const text of attribute.strings) writer.string(9, text);
  return writer.int(20, 8);
}

function encodeTensor({ name, type, shape, values }: Initializer): ProtobufWriter {
  return new ProtobufWriter()
    .packedInts(1, shape)
    .int(2, elementTypes[type])
    .string(8, name)
    .bytes(9, rawBytes(type, values));
}

function rawBytes(type: ElementType, values: ArrayLike<number>): Uint8Array {
  const width = type === 'float' ? 4 : 8;
  const bytes = new Uint8Array(width * values.length);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (type === 'float') view.setFloat32(width * i, value, true);
    else if (type === 'double') view.setFloat64(width * i, value, true);
    else view.setBigInt64(width * i, BigInt(value), true);
  }
  return bytes;
}

function encodeValueInfo({ name, type, shape }: ValueInfo): ProtobufWriter {
  const dimensions = new ProtobufWriter();
  for (const dimension of shape)
    dimensions.message(
      1,
      typeof dimension === 'number'
        ? new ProtobufWriter().int(1, dimension)
        : new ProtobufWriter().string(2, dimension),
    );
  const tensor = new ProtobufWriter().int(1, elementTypes[type]).message(2, dimensions);
  return new ProtobufWriter().string(1, name).message(2, new ProtobufWriter().message(1, tensor));
}

function sortedEntries<T>(record: Readonly<Record<string, T>>): [string, T][] {
  return Object.entries(record).sort(([left], [right]) => (left < right ? -1 : 1));
}
