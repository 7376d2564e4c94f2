import { describe, expect, it } from 'vitest';
import { trainGradientBoosting } from '../algorithms/gradient-boosting.ts';
import { trainLogisticRegression } from '../algorithms/logistic-regression.ts';
import { uniformTable } from '../algorithms/synthetic-table.fixture.ts';
import { exportModel } from './export-model.ts';
import { decodeFields, messagesOf, textsOf } from './protobuf-reader.fixture.ts';

const table = uniformTable(300, 0.1);
const boosted = trainGradientBoosting({ table, seed: 1, params: { trees: 3 } }).model;
const linear = trainLogisticRegression({ table }).model;

describe('the exported file', () => {
  it('declares the portable profile and who made it', () => {
    const model = decodeFields(exportModel(boosted));

    expect(model.get(1)).toEqual([8n]);
    expect(textsOf(model, 2)).toEqual(['flywheel']);
    expect(messagesOf(model, 8).map((opset) => [textsOf(opset, 1)[0], opset.get(2)?.[0]])).toEqual([
      ['', 17n],
      ['ai.onnx.ml', 3n],
    ]);
  });

  it('carries provenance and features as metadata', () => {
    const model = decodeFields(exportModel(boosted, { runKey: 'run', snapshot: 'snap' }));

    const metadata = messagesOf(model, 14).map((entry) => [
      textsOf(entry, 1)[0],
      textsOf(entry, 2)[0],
    ]);
    expect(Object.fromEntries(metadata)).toEqual({
      algorithm: 'gradient-boosting',
      classLabels: '[0,1]',
      featureNames: '["x0","x1","x2","x3","x4"]',
      missingInTraining: '[true,true,true,true,true]',
      runKey: 'run',
      snapshot: 'snap',
    });
  });

  it.each([
    ['boosted', boosted],
    ['linear', linear],
  ])('uses plain tensors and no ZipMap: %s', (_, model) => {
    const [graph] = messagesOf(decodeFields(exportModel(model)), 7);

    const operators = messagesOf(graph!, 1).flatMap((node) => textsOf(node, 4));
    expect(operators).not.toContain('ZipMap');
    expect(messagesOf(graph!, 11).flatMap((input) => textsOf(input, 1))).toEqual(['features']);
    expect(messagesOf(graph!, 12).flatMap((output) => textsOf(output, 1))).toEqual([
      'label',
      'probabilities',
    ]);
  });

  it('has attributes in the order of their names and no documentation strings', () => {
    const [graph] = messagesOf(decodeFields(exportModel(boosted)), 7);
    const [trees] = messagesOf(graph!, 1);
    const names = messagesOf(trees!, 5).flatMap((attribute) => textsOf(attribute, 1));

    expect(names).toEqual(names.toSorted());
    expect(trees!.has(6)).toBe(false);
    expect(graph!.has(10)).toBe(false);
  });

  it('has equal bytes for equal models', () => {
    const again = trainGradientBoosting({ table, seed: 1, params: { trees: 3 } }).model;

    expect(exportModel(again)).toEqual(exportModel(boosted));
    expect(exportModel(linear)).toEqual(exportModel(trainLogisticRegression({ table }).model));
  });
});
