import { openPlatform } from '@flywheel/flywheel/testing';
import type { LapPlatform } from '@flywheel/flywheel/testing';

/** The all-in-one on a data folder of its own; a port of 0 is any free one. */
export function openEmbedded(data: string): Promise<LapPlatform> {
  return openPlatform({
    environment: {
      ...process.env,
      FLYWHEEL_DATA: data,
      FLYWHEEL_HTTP_PORT: '0',
      FLYWHEEL_KAFKA_PORT: '0',
      FLYWHEEL_SQL_PORT: '0',
    },
    kind: 'embedded',
    fresh: false,
    report: () => undefined,
  });
}
