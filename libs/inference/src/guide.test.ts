import { describe, expect, it } from 'vitest';
import {
  checkRequest,
  encodeInferResponse,
  encodePredictions,
  OnnxModel,
  openModelPool,
  parseInferRequest,
  parseInvocations,
  readMlmodel,
  schemaOfSpecs,
  wantsBinary,
  writeMlmodel,
} from './index.ts';
import { logisticModel } from './testing.ts';

describe('guide to libs/inference', () => {
  const file = logisticModel([1, -1], 0);

  // 1. A request's bytes become tensors, or a refusal that names the field.
  it('answers a request of the Open Inference Protocol', async () => {
    await using model = await OnnxModel.load(file);
    const body =
      '{"id":"7","inputs":[{"name":"features","shape":[1,2],"datatype":"FP32","data":[2,2]}]}';

    const request = parseInferRequest(Buffer.from(body));
    checkRequest(request, model.signature);
    const outputs = await model.run(request.inputs);
    const reply = encodeInferResponse(
      { modelName: 'm', modelVersion: '1', id: request.id, outputs },
      { binary: wantsBinary(request) },
    );

    expect(reply.body).toBe(
      '{"model_name":"m","model_version":"1","id":"7","outputs":[{"name":"probability","datatype":"FP32","shape":[1,1],"data":[0.5]}]}',
    );
    expect(() => parseInferRequest(Buffer.from(body.replace('2,2]}', '2,null]}')))).toThrow(
      'inputs[0].data[1]: must be a number within the range of FP32',
    );
  });

  // 2. Models that take longer than about 0.2 ms run in a pool, off the main loop.
  it('runs a model in a worker thread', async () => {
    await using pool = await openModelPool({ workers: 1 });
    await pool.load('sha256-of-the-file', file);

    const runMs = await pool.measureRunMs('sha256-of-the-file');
    const outputs = await pool.run(
      'sha256-of-the-file',
      [{ name: 'features', datatype: 'FP32', shape: [2, 2], data: new Float32Array([1, 1, 3, 3]) }],
      { deadlineMs: Date.now() + 10_000, rowByRow: true },
    );

    expect(runMs).toBeGreaterThan(0);
    expect(outputs[0]?.data).toEqual(new Float32Array([0.5, 0.5]));
  });

  // 3. The same model is a folder that MLflow's Python client loads, and is scored by MLflow's protocol.
  it('packages a model for MLflow and answers /invocations', async () => {
    await using model = await OnnxModel.load(file);
    const column = (name: string) => ({ name, type: 'double', required: true });
    const texts = writeMlmodel({
      signature: {
        inputs: { kind: 'columns', columns: [column('a'), column('b')] },
        outputs: schemaOfSpecs(model.signature.outputs),
      },
      artifactPath: 'model',
      createdMs: 0,
      sizeBytes: file.byteLength,
    });

    const { signature: mlflow } = readMlmodel(texts['MLmodel'] ?? '');
    const invocation = parseInvocations('text/csv; charset=utf-8', Buffer.from('b,a\n1,1\n2,2\n'), {
      model: model.signature,
      mlflow,
    });
    const outputs = await model.run(invocation.inputs);

    expect(encodePredictions(outputs, invocation.form)).toBe(
      '{"predictions":[{"probability":0.5},{"probability":0.5}]}',
    );
  });
});
