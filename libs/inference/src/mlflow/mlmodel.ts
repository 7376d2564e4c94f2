import { invalid } from '@flywheel/core';
import { parse } from 'yaml';
import { parseSchema } from './mlflow-signature.ts';
import type { MlflowSchema, MlflowSignature } from './mlflow-signature.ts';

/** What the file MLmodel of a model folder says, as far as serving needs it. */
export type Mlmodel = {
  readonly flavors: readonly string[];
  /** The ONNX flavour: where the file lies in the folder. Absent when the model cannot be served without Python. */
  readonly onnx?: { readonly data: string; readonly version?: string };
  readonly signature?: MlflowSignature;
  readonly runId?: string;
  readonly modelId?: string;
  readonly utcTimeCreated?: string;
  readonly mlflowVersion?: string;
  /** What its author added; whatever YAML can say. */
  readonly metadata?: unknown;
};

/** Reads an MLmodel file. What is not one, or points outside its folder, is `invalid_argument`. */
export function readMlmodel(text: string): Mlmodel {
  // Every scalar as its text, because an id such as 1e5 is no number.
  const root = mapping(parseYaml(text, 'failsafe'), 'MLmodel');
  const flavors = mapping(root['flavors'], 'MLmodel.flavors');
  const signature = readSignature(root['signature']);
  const onnx = flavors['onnx'] === undefined ? undefined : readOnnx(flavors['onnx']);
  const { metadata } = mapping(parseYaml(text, 'core'), 'MLmodel');
  const texts = {
    runId: root['run_id'],
    modelId: root['model_id'],
    utcTimeCreated: root['utc_time_created'],
    mlflowVersion: root['mlflow_version'],
  };
  return {
    flavors: Object.keys(flavors),
    ...(onnx && { onnx }),
    ...(signature && { signature }),
    ...Object.fromEntries(
      Object.entries(texts).filter(([, value]) => typeof value === 'string' && !isNull(value)),
    ),
    ...(metadata !== undefined && metadata !== null && { metadata }),
  };
}

function parseYaml(text: string, schema: 'failsafe' | 'core'): unknown {
  try {
    // Few aliases, so that a small file stays small.
    return parse(text, { schema, maxAliasCount: 100 }) as unknown;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.slice(0, 300) : undefined;
    throw invalid('MLmodel', 'must be YAML', { reason });
  }
}

function isNull(value: unknown): boolean {
  return value === undefined || value === 'null' || value === '~' || value === '';
}

function readOnnx(value: unknown): NonNullable<Mlmodel['onnx']> {
  const { data, onnx_version: version } = mapping(value, 'MLmodel.flavors.onnx');
  const field = 'MLmodel.flavors.onnx.data';
  if (typeof data !== 'string' || data === '') throw invalid(field, 'must be a path');
  const isInside = !data.startsWith('/') && !/[\\\0]/.test(data) && !data.split('/').includes('..');
  if (!isInside) throw invalid(field, 'must be a path inside the model folder');
  return { data, ...(typeof version === 'string' && !isNull(version) && { version }) };
}

function readSignature(value: unknown): MlflowSignature | undefined {
  if (isNull(value)) return undefined;
  const sides = mapping(value, 'MLmodel.signature');
  const inputs = readSide(sides['inputs'], 'MLmodel.signature.inputs');
  const outputs = readSide(sides['outputs'], 'MLmodel.signature.outputs');
  return { ...(inputs && { inputs }), ...(outputs && { outputs }) };
}

function readSide(value: unknown, field: string): MlflowSchema | undefined {
  if (isNull(value)) return undefined;
  if (typeof value !== 'string') throw invalid(field, 'must be a JSON text');
  return parseSchema(value, field);
}

function mapping(value: unknown, field: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(field, 'must be a mapping');
  return value as Readonly<Record<string, unknown>>;
}
