import { quantile } from '@flywheel/flywheel/testing';
import fastify from 'fastify';
import { InferenceSession, Tensor } from 'onnxruntime-node';

/**
 * `server.ts MODEL FEATURES`: Fastify as it comes, and one ONNX file. /echo gives the body back, /infer asks the model with the
 * `features` of an Open Inference Protocol request, /loop asks it without HTTP. Tells its address.
 */
type InferBody = { inputs: [{ shape: [number, number]; data: number[] }] };
type LoopBody = { seconds: number; vectors: number[][] };

const session = await InferenceSession.create(process.argv[2]!, {
  executionProviders: ['cpu'],
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
});
const input = session.inputNames[0]!;
const run = (vector: readonly number[], names: readonly string[]) =>
  session.run(
    { [input]: new Tensor('float32', Float32Array.from(vector), [1, vector.length]) },
    names,
  );
const first = await run(new Array<number>(Number(process.argv[3])).fill(0), session.outputNames);
const output = session.outputNames.find((name) => first[name]?.type === 'float32')!;

async function probability(vector: readonly number[]): Promise<number> {
  return (await run(vector, [output]))[output]!.data.at(-1) as number;
}

const server = fastify();

server.post('/echo', (request) => request.body);

server.post<{ Body: InferBody }>('/infer', async ({ body }) => ({
  model_name: 'bare',
  outputs: [
    {
      name: 'probability',
      datatype: 'FP32',
      shape: [1],
      data: [await probability(body.inputs[0].data)],
    },
  ],
}));

server.post<{ Body: LoopBody }>('/loop', async ({ body }) => {
  const latenciesMs: number[] = [];
  const { user, system } = process.cpuUsage();
  const untilMs = performance.now() + body.seconds * 1000;
  for (let call = 0, startMs = performance.now(); startMs < untilMs; call++) {
    await probability(body.vectors[call % body.vectors.length]!);
    const endMs = performance.now();
    latenciesMs.push(endMs - startMs);
    startMs = endMs;
  }
  const cpu = process.cpuUsage({ user, system });
  const latencies = Float64Array.from(latenciesMs);
  return {
    perSecond: latencies.length / body.seconds,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    cpuMicros: (cpu.user + cpu.system) / latencies.length,
  };
});

const address = await server.listen({ host: '127.0.0.1', port: 0 });
process.send?.({ url: address });
process.once('disconnect', () => process.exit());
