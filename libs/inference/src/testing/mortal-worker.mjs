// The pool's program in a thread that ends when it is told to: from its own code, for a thread that is stopped from
// outside while the runtime computes takes the whole process with it.
import { parentPort } from 'node:worker_threads';

parentPort?.on('message', (message) => message === 'die' && process.exit(1));
await import('../pool/start-from-source.mjs');
