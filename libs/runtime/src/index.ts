export { defineService } from './define-service.ts';
export type { PublicObjects, Service, ServiceContext } from './define-service.ts';
export { loop } from './loop.ts';
export { secret, Secret } from './config.ts';
export type { Environment } from './config.ts';
export type { Metrics } from './metrics.ts';
export { exitCodes, explain, runProcess } from './run-process.ts';
export { startProcess } from './start-process.ts';
export type { RunningProcess } from './start-process.ts';
