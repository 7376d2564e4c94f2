import type { Datatype } from '../tensors/datatype.ts';
import { floatBytes, protobufMessage } from './protobuf-writer.ts';
import type { Field } from './protobuf-writer.ts';

const elementTypes: Readonly<Record<Datatype, number>> = {
  FP32: 1,
  UINT8: 2,
  INT8: 3,
  UINT16: 4,
  INT16: 5,
  INT32: 6,
  INT64: 7,
  BYTES: 8,
  BOOL: 9,
  FP16: 10,
  FP64: 11,
  UINT32: 12,
  UINT64: 13,
};

type Value = { name: string; datatype: Datatype; shape?: readonly (number | string)[] };
type Node = {
  op: string;
  inputs: readonly string[];
  outputs: readonly string[];
  attributes?: readonly Field[];
  domain?: string;
};
type Weights = { name: string; shape: readonly number[]; values: readonly number[] };

/** What a model built by hand consists of; `nodes` are in execution order. */
export type TinyModel = {
  inputs: readonly Value[];
  outputs: readonly (Value | { name: string; type: readonly Field[] })[];
  nodes: readonly Node[];
  weights?: readonly Weights[];
  metadata?: Readonly<Record<string, string>>;
  mlOpset?: number;
};

/** The bytes of an ONNX file (IR 8, opset 17) made of these parts, to test with. */
export function onnxModel(model: TinyModel): Uint8Array {
  const graph: Field[] = [
    ...model.nodes.map((node): Field => [1, nodeFields(node)]),
    [2, 'tiny'],
    ...(model.weights ?? []).map((weights): Field => [5, weightFields(weights)]),
    ...model.inputs.map((value): Field => [11, valueFields(value)]),
    ...model.outputs.map((value): Field => [12, valueFields(value)]),
  ];
  return protobufMessage([
    [1, 8],
    [2, 'flywheel-test'],
    [7, graph],
    [8, [[2, 17]]],
    ...(model.mlOpset === undefined
      ? []
      : [[8, [[1, 'ai.onnx.ml'] as Field, [2, model.mlOpset] as Field]] as Field]),
    ...Object.entries(model.metadata ?? {}).map(([key, value]): Field => [
      14,
      [
        [1, key],
        [2, value],
      ],
    ]),
  ]);
}

/** Gives back what it is given. */
export function identityModel(datatype: Datatype, shape: readonly (number | string)[]): Uint8Array {
  return onnxModel({
    inputs: [{ name: 'x', datatype, shape }],
    outputs: [{ name: 'y', datatype, shape }],
    nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
  });
}

/** `probability = sigmoid(features · weights + bias)`: FP32 `[n, features]` to `[n, 1]`. */
export function logisticModel(weights: readonly number[], bias: number): Uint8Array {
  return onnxModel({
    inputs: [{ name: 'features', datatype: 'FP32', shape: ['n', weights.length] }],
    outputs: [{ name: 'probability', datatype: 'FP32', shape: ['n', 1] }],
    weights: [
      { name: 'w', shape: [weights.length, 1], values: weights },
      { name: 'b', shape: [1], values: [bias] },
    ],
    nodes: [
      { op: 'MatMul', inputs: ['features', 'w'], outputs: ['xw'] },
      { op: 'Add', inputs: ['xw', 'b'], outputs: ['margin'] },
      { op: 'Sigmoid', inputs: ['margin'], outputs: ['probability'] },
    ],
    metadata: { made_by: 'a test' },
  });
}

/** Multiplies a square FP32 matrix with itself `times` times: as slow as asked. */
export function slowModel(times: number): Uint8Array {
  const steps = Array.from({ length: times }, (_, step) => step);
  return onnxModel({
    inputs: [{ name: 'x', datatype: 'FP32', shape: ['n', 'n'] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: ['n', 'n'] }],
    nodes: [
      ...steps.map((step) => ({
        op: 'MatMul',
        inputs: [step === 0 ? 'x' : `s${step}`, 'x'],
        outputs: [`s${step + 1}`],
      })),
      { op: 'Identity', inputs: [`s${times}`], outputs: ['y'] },
    ],
  });
}

function nodeFields({ op, inputs, outputs, attributes = [], domain }: Node): readonly Field[] {
  return [
    ...inputs.map((name): Field => [1, name]),
    ...outputs.map((name): Field => [2, name]),
    [4, op],
    ...attributes.map((attribute): Field => [5, attribute[1]]),
    ...(domain === undefined ? [] : [[7, domain] as Field]),
  ];
}

function weightFields({ name, shape, values }: Weights): readonly Field[] {
  return [
    ...shape.map((dimension): Field => [1, dimension]),
    [2, 1],
    [8, name],
    [9, floatBytes(values)],
  ];
}

function valueFields(value: Value | { name: string; type: readonly Field[] }): readonly Field[] {
  if ('type' in value)
    return [
      [1, value.name],
      [2, value.type],
    ];
  const dimensions = value.shape?.map((dimension): Field => [
    1,
    [typeof dimension === 'number' ? [1, dimension] : [2, dimension]],
  ]);
  const tensorType: Field[] = [[1, elementTypes[value.datatype]]];
  if (dimensions) tensorType.push([2, dimensions]);
  return [
    [1, value.name],
    [2, [[1, tensorType]]],
  ];
}
