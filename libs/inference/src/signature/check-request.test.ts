import { describe, expect, it } from 'vitest';
import type { Tensor } from '../tensors/tensor.ts';
import { checkRequest } from './check-request.ts';
import type { ModelSignature } from './model-signature.ts';

const signature: ModelSignature = {
  inputs: [
    { name: 'features', datatype: 'FP32', shape: [-1, 30] },
    { name: 'any', datatype: 'BYTES', shape: [-1], anyRank: true },
  ],
  outputs: [{ name: 'probability', datatype: 'FP32', shape: [-1, 2] }],
};
const features: Tensor = {
  name: 'features',
  datatype: 'FP32',
  shape: [1, 30],
  data: new Float32Array(30),
};
const any: Tensor = { name: 'any', datatype: 'BYTES', shape: [1, 1, 1], data: [new Uint8Array(0)] };
const outputs = [{ name: 'probability', parameters: {} }];

describe('checking a request against a signature', () => {
  it('lets pass what fits, in any order', () => {
    expect(() => checkRequest({ inputs: [any, features], outputs }, signature)).not.toThrow();
    expect(() => checkRequest({ inputs: [features, any] }, signature)).not.toThrow();
  });

  it.each([
    [
      'an unknown input',
      [{ ...features, name: 'x' }],
      'inputs[0].name',
      'must be one of "features", "any"',
    ],
    ['a missing input', [features], 'inputs', 'must hold "any"'],
    [
      'another datatype',
      [any, { ...features, datatype: 'FP64', data: new Float64Array(30) }],
      'inputs[1].datatype',
      'must be FP32, not FP64',
    ],
    [
      'another rank',
      [{ ...features, shape: [30] }, any],
      'inputs[0].shape',
      'must have 2 dimensions as [-1,30] has',
    ],
    [
      '29 features',
      [{ ...features, shape: [1, 29] }, any],
      'inputs[0].shape[1]',
      'must be 30, not 29',
    ],
  ] as [string, Tensor[], string, string][])('refuses %s', (_, inputs, field, rule) => {
    expect(() => checkRequest({ inputs }, signature)).toThrow(`${field}: ${rule}`);
  });

  it('refuses outputs that the model does not have, and what is not offered', () => {
    const inputs = [features, any];
    expect(() =>
      checkRequest({ inputs, outputs: [...outputs, { name: 'label', parameters: {} }] }, signature),
    ).toThrow('outputs[1].name: must be one of "probability"');
    expect(() =>
      checkRequest(
        { inputs, outputs: [{ name: 'probability', parameters: { classification: 1e9 } }] },
        signature,
      ),
    ).toThrow('outputs[0].parameters.classification');
  });
});
