import { parentPort, workerData } from 'node:worker_threads';
import { toAppError } from '@flywheel/core';
import { train, type TrainRequest } from './train.ts';
import type { WorkerMessage } from './worker-messages.ts';

/** Entry of a worker thread: trains the request it was started with, reports, and ends. */
function post(message: WorkerMessage, transfer: ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer);
}

try {
  const result = train(workerData as TrainRequest, {
    onProgress: (progress) => post({ kind: 'progress', progress }),
  });
  post({ kind: 'result', result }, [result.onnx.buffer as ArrayBuffer]);
} catch (thrown) {
  const { code, message, details } = toAppError(thrown);
  const stack = thrown instanceof Error ? thrown.stack : undefined;
  post({ kind: 'failure', code, message, details, stack });
}
