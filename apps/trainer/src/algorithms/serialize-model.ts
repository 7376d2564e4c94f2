import { canonicalJson, invalid } from '@flywheel/core';
import type { TrainedModel } from './model.ts';
import type { TreeEnsemble } from './tree-ensemble.ts';

const FORMAT = 1;

/**
 * A model as canonical JSON: equal models have equal bytes. Tree arrays are base64 of their little-endian bytes, so
 * that thresholds and leaves keep every bit, infinite thresholds included.
 */
export function serializeModel(model: TrainedModel): string {
  const parameters =
    model.kind === 'gradient-boosting'
      ? { ...model, trees: encodeTrees(model.trees) }
      : { ...model, mean: [...model.mean], coefficient: [...model.coefficient] };
  return canonicalJson({ format: FORMAT, ...parameters });
}

/** Reads what `serializeModel` wrote. */
export function parseModel(json: string): TrainedModel {
  const raw = JSON.parse(json) as SerializedModel;
  const { format, ...model } = raw;
  if (format !== FORMAT) throw invalid('model.format', `must be ${FORMAT}`);
  switch (model.kind) {
    case 'gradient-boosting':
      return { ...model, trees: decodeTrees(model.trees) };
    case 'logistic-regression':
      return {
        ...model,
        mean: Float64Array.from(model.mean),
        coefficient: Float64Array.from(model.coefficient),
      };
    default:
      throw invalid('model.kind', 'must be a known algorithm');
  }
}

type Encoded<T, Names extends keyof T, As> = Omit<T, Names> & Record<Names, As>;
type Boosting = Extract<TrainedModel, { kind: 'gradient-boosting' }>;
type Logistic = Extract<TrainedModel, { kind: 'logistic-regression' }>;
type SerializedModel = { readonly format: number } & (
  | Encoded<Boosting, 'trees', Record<keyof TreeEnsemble, string>>
  | Encoded<Logistic, 'mean' | 'coefficient', number[]>
);

function encodeTrees(trees: TreeEnsemble): Record<string, string> {
  return Object.fromEntries(
    Object.entries(trees).map(([name, array]) => [
      name,
      Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString('base64'),
    ]),
  );
}

function decodeTrees(encoded: Record<keyof TreeEnsemble, string>): TreeEnsemble {
  const bytes = (name: keyof TreeEnsemble) =>
    new Uint8Array(Buffer.from(encoded[name], 'base64')).buffer;
  return {
    starts: new Int32Array(bytes('starts')),
    feature: new Int32Array(bytes('feature')),
    threshold: new Float32Array(bytes('threshold')),
    left: new Int32Array(bytes('left')),
    right: new Int32Array(bytes('right')),
    missingLeft: new Uint8Array(bytes('missingLeft')),
    value: new Float32Array(bytes('value')),
    rows: new Uint32Array(bytes('rows')),
    gain: new Float32Array(bytes('gain')),
  };
}
