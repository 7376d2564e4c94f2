import { invalid } from '@flywheel/core';
import { JsonScanner } from '../json/json-scanner.ts';
import type { JsonObject, JsonValue } from '../json/json-scanner.ts';
import { jsonText } from '../json/json-text.ts';
import { defaultLimits } from '../oip/limits.ts';
import type { InferLimits } from '../oip/limits.ts';
import { checkBodySize } from '../oip/split-body.ts';
import { checkRequest } from '../signature/check-request.ts';
import type { ModelSignature } from '../signature/model-signature.ts';
import type { Tensor } from '../tensors/tensor.ts';
import {
  frameOfColumns,
  frameOfCsv,
  frameOfRecords,
  frameOfRows,
  frameOfSplit,
  objectOf,
} from './frame.ts';
import type { Frame } from './frame.ts';
import { tensorsOfFrame } from './frame-tensors.ts';
import { invocationMediaType } from './media-type.ts';
import type { MlflowColumn, MlflowSignature } from './mlflow-signature.ts';
import { tensorOfNested } from './nested-tensor.ts';

export type Invocation = {
  readonly inputs: readonly Tensor[];
  /** A frame is answered with one record per row, tensors with a list per output. */
  readonly form: 'frame' | 'tensors';
  readonly params: JsonObject;
};

/** What the model takes: its own signature, and MLflow's where it has one. */
export type InvocationTarget = {
  readonly model: ModelSignature;
  readonly mlflow?: MlflowSignature | undefined;
};

/** Rows and records are held as objects, so a body may be smaller than one of tensors. */
export const invocationLimits: InferLimits = Object.freeze({
  ...defaultLimits,
  maxBodyBytes: 16 * 1024 * 1024,
});

const forms = ['dataframe_split', 'dataframe_records', 'instances', 'inputs'] as const;

/**
 * A request of MLflow's scoring protocol (`/invocations`) as the model's tensors: exactly one of `dataframe_split`,
 * `dataframe_records`, `instances`, `inputs`, or CSV. The signature decides every type, never the form.
 */
export function parseInvocations(
  contentType: string | undefined,
  body: Uint8Array,
  target: InvocationTarget,
  limits: InferLimits = invocationLimits,
): Invocation {
  checkBodySize(body, limits);
  const invocation = parse(invocationMediaType(contentType), body, target, limits);
  checkRequest(invocation, target.model);
  return invocation;
}

function parse(
  mediaType: 'json' | 'csv',
  body: Uint8Array,
  target: InvocationTarget,
  limits: InferLimits,
): Invocation {
  const text = jsonText(body);
  if (mediaType === 'csv') return ofFrame(frameOfCsv(text), target, {});
  const scanner = new JsonScanner(text, limits);
  scanner.demand(0x7b, 'body', 'must be a JSON object');
  const root = scanner.value('body') as JsonObject;
  scanner.end();
  const given = forms.filter((form) => root[form] !== undefined);
  const [form] = given;
  if (!form || given.length > 1)
    throw invalid('body', `must hold exactly one of ${forms.join(', ')}`);
  const params = root['params'] ? objectOf(root['params'], 'params') : {};
  const value = root[form] as JsonValue;
  if (form === 'dataframe_split') return ofFrame(frameOfSplit(value, form), target, params);
  if (form === 'dataframe_records') return ofFrame(frameOfRecords(value, form), target, params);
  if (columnsOf(target)) return ofFrame(frameOfAny(value, form), target, params);
  const inputs = form === 'inputs' ? ofInputs(value, target) : ofInstances(value, target);
  return { inputs, form: 'tensors', params };
}

function ofFrame(frame: Frame, target: InvocationTarget, params: JsonObject): Invocation {
  const options = { columns: columnsOf(target), maxElements: defaultLimits.maxElements };
  return { inputs: tensorsOfFrame(frame, target.model, options), form: 'frame', params };
}

function columnsOf({ mlflow }: InvocationTarget): readonly MlflowColumn[] | undefined {
  return mlflow?.inputs?.kind === 'columns' ? mlflow.inputs.columns : undefined;
}

function frameOfAny(value: JsonValue, form: string): Frame {
  if (!Array.isArray(value)) return frameOfColumns(value, form);
  return isObject((value as readonly JsonValue[])[0])
    ? frameOfRecords(value, form)
    : frameOfRows(value, form);
}

/** `inputs`: a list for the only input, or an object of lists by input. */
function ofInputs(value: JsonValue, { model }: InvocationTarget): readonly Tensor[] {
  if (Array.isArray(value)) return [onlyInput(value, model, 'inputs')];
  const lists = objectOf(value, 'inputs');
  return model.inputs.map((spec) => {
    const list = lists[spec.name];
    if (list === undefined) throw invalid('inputs', `must hold ${JSON.stringify(spec.name)}`);
    return tensorOfNested(list, spec, (indexes) => `inputs.${spec.name}${path(indexes)}`);
  });
}

/** `instances`: a list of rows for the only input, or of objects with one entry per input. */
function ofInstances(value: JsonValue, { model }: InvocationTarget): readonly Tensor[] {
  if (!Array.isArray(value)) throw invalid('instances', 'must be a list');
  const rows = value as readonly JsonValue[];
  if (!isObject(rows[0])) return [onlyInput(value, model, 'instances')];
  return model.inputs.map((spec) => {
    const entries = rows.map((row, index) => {
      const entry = objectOf(row, `instances[${index}]`)[spec.name];
      if (entry === undefined) throw invalid(`instances[${index}].${spec.name}`, 'is required');
      return entry;
    });
    return tensorOfNested(
      entries,
      spec,
      ([row = 0, ...rest]) => `instances[${row}].${spec.name}${path(rest)}`,
    );
  });
}

function onlyInput(value: JsonValue, model: ModelSignature, field: string): Tensor {
  const [spec] = model.inputs;
  if (!spec || model.inputs.length > 1)
    throw invalid(field, 'must name its inputs, as the model has several');
  return tensorOfNested(value, spec, (indexes) => `${field}${path(indexes)}`);
}

function path(indexes: readonly number[]): string {
  return indexes.map((index) => `[${index}]`).join('');
}

function isObject(value: JsonValue | undefined): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
