import { invalid } from '@flywheel/core';
import { JsonScanner } from '../json/json-scanner.ts';
import type { JsonObject, JsonValue } from '../json/json-scanner.ts';
import type { TensorSpec } from '../signature/model-signature.ts';
import type { Datatype } from '../tensors/datatype.ts';

/** MLflow's scalar column types. */
export type ColumnType =
  'boolean' | 'integer' | 'long' | 'float' | 'double' | 'string' | 'binary' | 'datetime';

export type MlflowColumn = {
  readonly name?: string;
  /** One of `ColumnType`, or a type made of others, which is kept but not scored. */
  readonly type: string;
  readonly required: boolean;
};

export type MlflowTensor = {
  readonly name?: string;
  /** As numpy says it: `float32`. */
  readonly dtype: string;
  readonly shape: readonly number[];
};

/** One side of a signature: columns of a data frame, or tensors. */
export type MlflowSchema =
  | { readonly kind: 'columns'; readonly columns: readonly MlflowColumn[] }
  | { readonly kind: 'tensors'; readonly tensors: readonly MlflowTensor[] };

export type MlflowSignature = {
  readonly inputs?: MlflowSchema;
  readonly outputs?: MlflowSchema;
};

/** Numpy's names. */
const dtypes: Readonly<Record<Datatype, string>> = {
  BOOL: 'bool',
  UINT8: 'uint8',
  UINT16: 'uint16',
  UINT32: 'uint32',
  UINT64: 'uint64',
  INT8: 'int8',
  INT16: 'int16',
  INT32: 'int32',
  INT64: 'int64',
  FP16: 'float16',
  FP32: 'float32',
  FP64: 'float64',
  BYTES: 'str',
};

/** The tensor form of a model's own inputs or outputs. */
export function schemaOfSpecs(specs: readonly TensorSpec[]): MlflowSchema {
  const tensors = specs.map(({ name, datatype, shape }) => ({
    name,
    dtype: dtypes[datatype],
    shape,
  }));
  return { kind: 'tensors', tensors };
}

/** Reads one side of an MLmodel's signature, a JSON text inside the YAML. */
export function parseSchema(text: string, field: string): MlflowSchema {
  const scanner = new JsonScanner(text, { maxDepth: 100 });
  const value = scanner.value(field);
  scanner.end();
  if (!Array.isArray(value)) throw invalid(field, 'must be a list of columns or tensors');
  const entries = (value as readonly JsonValue[]).map((entry, index) =>
    objectOf(entry, `${field}[${index}]`),
  );
  if (entries.length > 0 && entries.every((entry) => entry['type'] === 'tensor'))
    return {
      kind: 'tensors',
      tensors: entries.map((entry, at) => readTensor(entry, `${field}[${at}]`)),
    };
  return {
    kind: 'columns',
    columns: entries.map((entry, at) => readColumn(entry, `${field}[${at}]`)),
  };
}

/** The JSON text of one side, in the key order of the Python client. */
export function schemaText(schema: MlflowSchema): string {
  if (schema.kind === 'columns')
    return JSON.stringify(
      schema.columns.map(({ name, type, required }) => ({ type, name, required })),
    );
  return JSON.stringify(
    schema.tensors.map(({ name, dtype, shape }) => ({
      type: 'tensor',
      'tensor-spec': { dtype, shape },
      name,
    })),
  );
}

function readColumn(entry: JsonObject, field: string): MlflowColumn {
  const { type, name, required } = entry;
  if (typeof type !== 'string') throw invalid(`${field}.type`, 'must be a string');
  if (name !== undefined && typeof name !== 'string')
    throw invalid(`${field}.name`, 'must be a string');
  // Models written before MLflow 2.6 say `optional`.
  const isRequired = required !== false && entry['optional'] !== true;
  return { type, required: isRequired, ...(name !== undefined && { name }) };
}

function readTensor(entry: JsonObject, field: string): MlflowTensor {
  const { dtype, shape } = objectOf(entry['tensor-spec'], `${field}.tensor-spec`);
  const { name } = entry;
  if (typeof dtype !== 'string') throw invalid(`${field}.tensor-spec.dtype`, 'must be a string');
  if (!Array.isArray(shape) || !shape.every((dimension) => Number.isSafeInteger(dimension)))
    throw invalid(`${field}.tensor-spec.shape`, 'must be a list of integers');
  return {
    dtype,
    shape: shape as readonly number[],
    ...(typeof name === 'string' && { name }),
  };
}

function objectOf(value: JsonValue | undefined, field: string): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(field, 'must be an object');
  return value as JsonObject;
}
