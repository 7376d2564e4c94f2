import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readSettings } from './settings.ts';

describe('settings of the servers', () => {
  test('by default everything lies in the repository and off the usual ports', () => {
    const settings = readSettings({}, '/repository');

    expect(settings.folder).toBe('/repository/.flywheel/servers');
    expect(settings.ports).toEqual({ kafka: 19092, postgres: 15432, redis: 16379, s3: 19000 });
  });

  test('variables move folder, cache and single ports', () => {
    const settings = readSettings(
      {
        FLYWHEEL_SERVERS: '/elsewhere',
        FLYWHEEL_CACHE: 'cache',
        FLYWHEEL_SERVER_KAFKA_PORT: '29092',
      },
      '/repository',
    );

    expect(settings).toMatchObject({ folder: '/elsewhere', cacheFolder: resolve('cache') });
    expect(settings.ports).toMatchObject({ kafka: 29092, redis: 16379 });
  });

  test.each(['0', '-1', '1.5', 'abc', '70000'])('%s is no port', (text) => {
    expect(() => readSettings({ FLYWHEEL_SERVER_S3_PORT: text }, '/')).toThrow(
      'FLYWHEEL_SERVER_S3_PORT must be a whole number from 1 to 65534',
    );
  });
});
