import { Worker } from 'node:worker_threads';
import { AppError, toAppError } from '@flywheel/core';
import type { TrainRequest, TrainResult } from './train.ts';
import type { TrainingProgress } from './training-progress.ts';
import type { TrainingTable } from './training-table.ts';
import type { WorkerMessage } from './worker-messages.ts';

export type WorkerOptions = {
  readonly onProgress?: ((progress: TrainingProgress) => void) | undefined;
  /** Ends the worker at once, in the middle of a tree if need be. */
  readonly signal?: AbortSignal | undefined;
  /** Move the tables' memory to the worker instead of copying it; the caller's arrays are empty afterwards. */
  readonly handOver?: boolean;
  /** Heap of the worker in MiB; typed arrays lie outside it. */
  readonly heapMb?: number;
};

/**
 * Trains in a worker thread. Rejects with the algorithm's AppError, with the signal's reason when aborted, and with
 * `resource_exhausted` when the worker runs out of memory. The worker has ended when the promise settles.
 */
export async function trainInWorker(
  request: TrainRequest,
  options: WorkerOptions = {},
): Promise<TrainResult> {
  options.signal?.throwIfAborted();
  const worker = new Worker(workerEntry(), {
    name: 'flywheel-training',
    workerData: request,
    transferList: options.handOver ? buffersOf(request) : [],
    execArgv: [],
    ...(options.heapMb && { resourceLimits: { maxOldGenerationSizeMb: options.heapMb } }),
  });
  try {
    return await resultOf(worker, options);
  } finally {
    await worker.terminate();
  }
}

function resultOf(worker: Worker, { onProgress, signal }: WorkerOptions): Promise<TrainResult> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal?.reason as Error);
    signal?.addEventListener('abort', abort, { once: true });
    worker.on('message', (message: WorkerMessage) => {
      if (message.kind === 'result') resolve(message.result);
      else if (message.kind === 'failure') reject(failureOf(message));
      else reportTo(onProgress, message.progress, reject);
    });
    worker.once('error', (error) => reject(crashOf(error)));
    worker.once('exit', () => {
      signal?.removeEventListener('abort', abort);
      reject(new AppError('internal', 'the training worker ended without a result'));
    });
  });
}

/** A listener that throws fails the training, not the process. */
function reportTo(
  listener: WorkerOptions['onProgress'],
  progress: TrainingProgress,
  reject: (reason: Error) => void,
): void {
  try {
    listener?.(progress);
  } catch (thrown) {
    reject(toAppError(thrown));
  }
}

function failureOf(failure: Extract<WorkerMessage, { kind: 'failure' }>): AppError {
  const { code, message, details, stack } = failure;
  return new AppError(code, message, { ...(details && { details }), cause: stack });
}

function crashOf(error: Error & { readonly code?: string }): AppError {
  return error.code === 'ERR_WORKER_OUT_OF_MEMORY'
    ? new AppError('resource_exhausted', 'training ran out of memory', { cause: error })
    : new AppError('internal', 'the training worker crashed', { cause: error });
}

function workerEntry(): URL {
  const isSource = import.meta.url.endsWith('.ts');
  return new URL(isSource ? './train-from-source.mjs' : './train-worker.js', import.meta.url);
}

function buffersOf({ table, validation }: TrainRequest): ArrayBuffer[] {
  const arrays = [table, validation].flatMap((part) => (part ? arraysOf(part) : []));
  const buffers = arrays.map(({ buffer }) => buffer);
  return [...new Set(buffers.filter((buffer) => buffer instanceof ArrayBuffer))];
}

function arraysOf({ features, label, weight }: TrainingTable): (Float32Array | Uint8Array)[] {
  return [...features.map(({ values }) => values), label, ...(weight ? [weight] : [])];
}
