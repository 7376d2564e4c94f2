export { describeBus } from './bus.contract.ts';
export { aContract, aTopic } from './testing/contracts.ts';
export { openRawClient } from './testing/raw-client.ts';
export type { RawClient } from './testing/raw-client.ts';
export { recordingMetrics } from './testing/recording-metrics.ts';
