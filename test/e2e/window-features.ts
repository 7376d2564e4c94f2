import type { Flight } from '@flywheel/flywheel/testing';

const HOUR_MS = 3_600_000;
const LATE_MINUTES = 15;
const windows = [
  ['3h', 3 * HOUR_MS],
  ['24h', 24 * HOUR_MS],
  ['7d', 168 * HOUR_MS],
] as const;

/** The window features of a route and its origin at a time, from all flights there are and by the definition alone. */
export function windowFeatures(
  flights: readonly Flight[],
  at: { origin: string; destination: string; timeMs: number },
): Record<string, number | null> {
  const known = flights.filter(
    ({ origin, dateMs, knownAtMs }) =>
      origin === at.origin && dateMs <= at.timeMs && knownAtMs <= at.timeMs,
  );
  const values: Record<string, number | null> = {};
  for (const [view, rows] of [
    ['origin_history', known],
    ['route_history', known.filter(({ destination }) => destination === at.destination)],
  ] as const)
    for (const [window, windowMs] of windows) {
      const held = rows.filter(({ dateMs }) => dateMs > at.timeMs - windowMs);
      const mean = (sum: number) => (held.length === 0 ? null : Math.fround(sum / held.length));
      values[`${view}__flights_${window}`] = held.length;
      values[`${view}__mean_delay_${window}`] = mean(held.reduce((sum, row) => sum + row.delay, 0));
      values[`${view}__late_share_${window}`] = mean(
        held.filter((row) => row.delay > LATE_MINUTES).length,
      );
    }
  return values;
}
