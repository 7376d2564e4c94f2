import { cpuUsage, stdout } from 'node:process';
import {
  encodeInferRequest,
  encodeInferResponse,
  OnnxModel,
  openModelPool,
  parseInferRequest,
} from '../index.ts';
import { logisticModel } from '../testing/tiny-models.ts';
import type { Tensor } from '../tensors/tensor.ts';

/** Processor time per operation in microseconds: less shaken by a busy machine than the wall clock. */
async function measure(name: string, times: number, work: () => unknown): Promise<void> {
  const repeat = async () => {
    for (let round = 0; round < times; round += 1) {
      const result = work();
      if (result instanceof Promise) await result;
    }
  };
  await repeat();
  const before = cpuUsage();
  await repeat();
  const { user, system } = cpuUsage(before);
  stdout.write(`${name.padEnd(52)} ${((user + system) / times).toFixed(2).padStart(9)} µs\n`);
}

function features(count: number): Tensor<'FP32'> {
  const data = Float32Array.from({ length: count }, (_, index) => Math.sin(index * 1.7) * 5);
  return { name: 'features', datatype: 'FP32', shape: [1, count], data };
}

const answer: Tensor = {
  name: 'probability',
  datatype: 'FP32',
  shape: [1, 2],
  data: new Float32Array([0.1, 0.9]),
};
const encode = () =>
  encodeInferResponse({ modelName: 'm', modelVersion: '1', id: 'a', outputs: [answer] });

for (const count of [30, 1_000, 10_000]) {
  const request = { id: 'a', parameters: {}, inputs: [features(count)], binaryOutput: false };
  const times = Math.ceil(1_000_000 / (count + 10));
  const json = Buffer.from(encodeInferRequest(request).body as string);
  const binary = encodeInferRequest(request, { binary: () => true });
  const { headerLength } = binary;
  await measure(`parse JSON, ${count} floats, and encode`, times, () => {
    parseInferRequest(json);
    return encode();
  });
  await measure(`parse binary, ${count} floats, and encode`, times, () => {
    parseInferRequest(binary.body as Uint8Array, { headerLength });
    return encode();
  });
  await measure(
    `JSON.parse alone, ${count} floats`,
    times,
    () => JSON.parse(json.toString()) as unknown,
  );
}

const bytes = logisticModel(
  Array.from({ length: 30 }, (_, index) => Math.cos(index)),
  0.1,
);
await using model = await OnnxModel.load(bytes);
await using pool = await openModelPool({ workers: 1 });
await pool.load('m', bytes);
const inputs = [features(30)];
await measure('run inline, 30 features', 20_000, () => model.run(inputs));
await measure('run in the pool, 30 features (both threads)', 5_000, () => pool.run('m', inputs));
