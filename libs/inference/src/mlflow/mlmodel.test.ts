import { AppError } from '@flywheel/core';
import { describe, expect, it } from 'vitest';
import { readMlmodel } from './mlmodel.ts';
import { writeMlmodel } from './write-mlmodel.ts';

// As the Python client 3.17.2 writes it.
const fromPython = `flavors:
  onnx:
    code: null
    data: model.onnx
    onnx_session_options: null
    onnx_version: 1.23.2
    providers:
    - CUDAExecutionProvider
    - CPUExecutionProvider
  python_function:
    data: model.onnx
    env:
      conda: conda.yaml
      virtualenv: python_env.yaml
    loader_module: mlflow.onnx
    python_version: 3.11.7
metadata:
  n: 1
  nested:
    a:
    - 1
    - 2
mlflow_version: 3.17.2
model_id: null
run_id: 12345678901234567890123456789e12
signature:
  inputs: '[{"type": "integer", "name": "a", "required": true}, {"type": "string",
    "name": "zip", "required": true}, {"type": "string", "name": "day", "required":
    false}]'
  outputs: '[{"name": "p", "type": "tensor", "tensor-spec": {"dtype": "float32", "shape":
    [-1, 1]}}]'
  params: null
utc_time_created: '2026-11-25 00:28:29.227642'
`;

describe('an MLmodel file', () => {
  it('is read as the Python client writes it', () => {
    expect(readMlmodel(fromPython)).toEqual({
      flavors: ['onnx', 'python_function'],
      onnx: { data: 'model.onnx', version: '1.23.2' },
      signature: {
        inputs: {
          kind: 'columns',
          columns: [
            { name: 'a', type: 'integer', required: true },
            { name: 'zip', type: 'string', required: true },
            { name: 'day', type: 'string', required: false },
          ],
        },
        outputs: { kind: 'tensors', tensors: [{ name: 'p', dtype: 'float32', shape: [-1, 1] }] },
      },
      runId: '12345678901234567890123456789e12',
      mlflowVersion: '3.17.2',
      utcTimeCreated: '2026-11-25 00:28:29.227642',
      metadata: { n: 1, nested: { a: [1, 2] } },
    });
  });

  it('is read as it was written', () => {
    const signature = {
      inputs: { kind: 'columns', columns: [{ name: 'é "x"', type: 'long', required: false }] },
      outputs: { kind: 'tensors', tensors: [{ name: 'p', dtype: 'float32', shape: [-1, 2] }] },
    } as const;
    const files = writeMlmodel({
      signature,
      artifactPath: 'model',
      runId: '1e5',
      modelId: 'm-0',
      createdMs: Date.UTC(2001, 3, 1, 12, 0, 0, 123),
      sizeBytes: 231,
      metadata: { yes: 'no', when: '2024-02-30', number: '007' },
    });

    expect(readMlmodel(files['MLmodel'] ?? '')).toEqual({
      flavors: ['onnx', 'python_function'],
      onnx: { data: 'model.onnx', version: '1.23.2' },
      signature,
      runId: '1e5',
      modelId: 'm-0',
      mlflowVersion: '3.17.2',
      utcTimeCreated: '2001-04-01 12:00:00.123000',
      metadata: { yes: 'no', when: '2024-02-30', number: '007' },
    });
    expect(Object.keys(files).sort()).toEqual([
      'MLmodel',
      'conda.yaml',
      'python_env.yaml',
      'requirements.txt',
    ]);
    expect(files['MLmodel']).toContain('run_id: "1e5"');
    expect(files['requirements.txt']).toBe('mlflow==3.17.2\nonnx==1.23.2\nonnxruntime==1.32.0\n');
  });

  it('has the same bytes for the same parts', () => {
    const parts = { signature: {}, artifactPath: 'm', createdMs: 0, sizeBytes: 1 };
    expect(writeMlmodel(parts)).toEqual(writeMlmodel({ ...parts }));
  });

  it.each([
    ['no YAML', 'a: [', 'MLmodel'],
    ['a list', '- 1', 'MLmodel'],
    ['nothing', '', 'MLmodel'],
    ['no flavours', 'run_id: a', 'MLmodel.flavors'],
    [
      'a path out of the folder',
      'flavors: {onnx: {data: ../../etc/passwd}}',
      'MLmodel.flavors.onnx.data',
    ],
    ['an absolute path', 'flavors: {onnx: {data: /etc/passwd}}', 'MLmodel.flavors.onnx.data'],
    ['no path', 'flavors: {onnx: {}}', 'MLmodel.flavors.onnx.data'],
    ['a signature that is no JSON', "flavors: {}\nsignature: {inputs: '[{'}", 'body'],
    [
      'a column without a type',
      "flavors: {}\nsignature: {inputs: '[{}]'}",
      'MLmodel.signature.inputs[0].type',
    ],
    [
      'an alias bomb',
      `flavors: {}\na: &a [x,x]\n${Array.from(
        { length: 20 },
        (_, i) =>
          `b${i}: &b${i} [${Array(9)
            .fill(i === 0 ? '*a' : `*b${i - 1}`)
            .join(',')}]`,
      ).join('\n')}`,
      'MLmodel',
    ],
  ])('is refused with %s', (_, text, field) => {
    expect(() => readMlmodel(text)).toThrow(AppError);
    expect(() => readMlmodel(text)).toThrow(
      expect.objectContaining({
        code: 'invalid_argument',
        details: expect.objectContaining({ field }) as unknown,
      }),
    );
  });

  it('of another flavour is read, and tells that it is not ONNX', () => {
    expect(readMlmodel('flavors:\n  sklearn: {pickled_model: model.pkl}\n')).toEqual({
      flavors: ['sklearn'],
    });
  });
});
