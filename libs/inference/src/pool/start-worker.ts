import { Worker } from 'node:worker_threads';

/** A worker thread with the pool's program. */
export function startModelWorker(): Worker {
  const isSource = import.meta.url.endsWith('.ts');
  const entry = isSource ? './start-from-source.mjs' : './model-worker-thread.js';
  return new Worker(new URL(entry, import.meta.url), { execArgv: [], name: 'flywheel-model' });
}
