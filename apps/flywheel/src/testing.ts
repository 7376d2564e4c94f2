export { FlightData, months } from './lap/flights.ts';
export { LapClient, waitUntil } from './lap/lap-client.ts';
export { createProgress } from './lap/progress.ts';
export { quantile } from './lap/quantile.ts';
export { runLap } from './lap/run-lap.ts';
export { openPlatform } from './platform/open-platform.ts';
export type { LapPlatform } from './platform/open-platform.ts';
