// The entry of a training thread that runs from source: `--import tsx` among a worker's arguments does not reach the
// worker's own entry file, so TypeScript is registered here, before the program is imported.
import { register } from 'tsx/esm/api';

register();
await import('./train-worker.ts');
