import { parentPort } from 'node:worker_threads';
import { AppError } from '@flywheel/core';
import { measureRunMs } from '../onnx/measure-run.ts';
import { OnnxModel } from '../onnx/onnx-model.ts';
import { packError, packTensors, unpackTensors } from './worker-messages.ts';
import type { WorkerCall, WorkerReply, WorkerRequest } from './worker-messages.ts';

/** The worker thread's own program: holds models and answers the pool's calls. */
if (!parentPort) throw new Error('this file runs in a worker thread only');
const port = parentPort;
const models = new Map<string, OnnxModel>();

port.on('message', (message: WorkerCall | 'close') => {
  if (message === 'close') void close();
  else void answer(message);
});
reply({ kind: 'ready' });

async function answer({ call, request }: WorkerCall): Promise<void> {
  try {
    const { value, transfer } = await perform(request);
    reply({ kind: 'done', call, value }, transfer);
  } catch (error) {
    reply({ kind: 'failed', call, error: packError(error) });
  }
}

async function perform(
  request: WorkerRequest,
): Promise<{ value?: unknown; transfer?: readonly ArrayBuffer[] }> {
  switch (request.kind) {
    case 'load':
      return { value: await load(request.id, request.bytes) };
    case 'unload':
      await unload(request.id);
      return {};
    case 'measure':
      return { value: await measureRunMs(modelOf(request.id)) };
    case 'run': {
      const model = modelOf(request.id);
      const inputs = unpackTensors(request.inputs);
      const outputs = request.rowByRow
        ? await model.runRows(inputs, request.outputs)
        : await model.run(inputs, request.outputs);
      const { packed, transfer } = packTensors(outputs);
      return { value: packed, transfer };
    }
  }
}

async function load(id: string, shared: SharedArrayBuffer): Promise<unknown> {
  // The runtime takes no shared memory; it makes its own copy of this one.
  const bytes = new Uint8Array(shared.byteLength);
  bytes.set(new Uint8Array(shared));
  const model = await OnnxModel.load(bytes);
  await unload(id);
  models.set(id, model);
  return { ...model.file, opsets: { ...model.file.opsets }, metadata: { ...model.metadata } };
}

async function unload(id: string): Promise<void> {
  const model = models.get(id);
  models.delete(id);
  await model?.[Symbol.asyncDispose]();
}

function modelOf(id: string): OnnxModel {
  const model = models.get(id);
  if (!model) throw new AppError('not_found', 'the model is not loaded', { details: { id } });
  return model;
}

async function close(): Promise<void> {
  for (const id of [...models.keys()]) await unload(id);
  port.close();
}

function reply(message: WorkerReply, transfer: readonly ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
}
