import { inspect } from 'node:util';
import type { AppError } from '@flywheel/core';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Secret } from './config.ts';
import { commaList, readConfig, secret } from './config.ts';
import { platformConfig } from './platform-config.ts';

function problemsOf(environment: Record<string, string>, ...schemas: z.ZodType[]): unknown {
  try {
    readConfig([platformConfig, ...schemas], environment);
    return [];
  } catch (error) {
    return (error as AppError).details?.['problems'];
  }
}

describe('readConfig', () => {
  it('needs nothing for the embedded platform', () => {
    expect(readConfig([platformConfig], { PATH: '/bin' })).toEqual([
      {
        FLYWHEEL_PLATFORM: 'embedded',
        FLYWHEEL_HTTP_PORT: 7070,
        FLYWHEEL_HTTP_HOST: '127.0.0.1',
        FLYWHEEL_HTTP_ALLOWED_HOSTS: [],
        FLYWHEEL_DATA: '.flywheel',
        FLYWHEEL_LOG_LEVEL: 'info',
        FLYWHEEL_STOP_WITHIN_MS: 4500,
        FLYWHEEL_PEERS: {},
        FLYWHEEL_KAFKA_PORT: 7092,
        FLYWHEEL_SQL_PORT: 7432,
      },
    ]);
  });

  it('tells all mistakes of all schemas at once, each with the name of its variable', () => {
    const service = z.object({ ROUTER_WORKERS: z.coerce.number().int().min(1).default(1) });

    const problems = problemsOf(
      {
        FLYWHEEL_HTTP_PORT: 'seventy',
        FLYWHEEL_KAFKA_PORT: '70000',
        FLYWHEEL_SQL_PORT: '1.5',
        FLYWHEEL_LOG_LEVEL: 'loud',
        FLYWHEEL_PEERS: 'ingestion,nobody=http://x,router=ftp://y',
        FLYWHEEL_STOP_WITHIN_MS: '0',
        ROUTER_WORKERS: '0',
      },
      service,
    );

    expect(problems).toEqual([
      'FLYWHEEL_HTTP_PORT must be a number',
      'FLYWHEEL_LOG_LEVEL must be debug or info or warn or error',
      'FLYWHEEL_STOP_WITHIN_MS must be more than 0',
      'FLYWHEEL_PEERS has "ingestion" where it must have <service>=<http address>',
      expect.stringContaining('FLYWHEEL_PEERS names "nobody", which is none of ingestion,'),
      'FLYWHEEL_PEERS has "router=ftp://y" where it must have <service>=<http address>',
      'FLYWHEEL_KAFKA_PORT must be at most 65535',
      'FLYWHEEL_SQL_PORT must be a whole number',
      'ROUTER_WORKERS must be at least 1',
    ]);
  });

  it('tells a mistake that several services share once', () => {
    const service = z.object({ SHARED: z.coerce.number() });

    expect(problemsOf({ SHARED: 'x' }, service, service)).toEqual(['SHARED must be a number']);
  });

  it('demands all of the distributed platform, or nothing', () => {
    expect(problemsOf({ FLYWHEEL_PLATFORM: 'distributed' })).toEqual([
      'KAFKA_BROKERS is missing',
      'DATABASE_URL is missing',
      'REDIS_URL is missing',
      'S3_BUCKET is missing',
      'S3_ACCESS_KEY_ID is missing',
      'S3_SECRET_ACCESS_KEY is missing',
    ]);
    expect(problemsOf({ S3_BUCKET: 'a-bucket' })).toEqual([]);
    expect(problemsOf({ FLYWHEEL_PLATFORM: 'cloud' })).toEqual([
      'FLYWHEEL_PLATFORM must be embedded or distributed',
    ]);
  });

  const distributed = {
    FLYWHEEL_PLATFORM: 'distributed',
    KAFKA_BROKERS: 'kafka-1:9092, [::1]:9093',
    DATABASE_URL: 'postgresql://flywheel:hunter2@db/flywheel',
    REDIS_URL: 'redis://:hunter2@redis',
    S3_BUCKET: 'flywheel',
    S3_ACCESS_KEY_ID: 'AKIA',
    S3_SECRET_ACCESS_KEY: 'hunter2',
  };

  it('shows no secret in text, JSON or inspection', () => {
    const [config] = readConfig([platformConfig], distributed);

    expect(JSON.stringify(config)).not.toMatch(/hunter2|AKIA/);
    expect(inspect(config, { depth: null, showHidden: true })).not.toMatch(/hunter2|AKIA/);
    expect(config).toMatchObject({ KAFKA_BROKERS: ['kafka-1:9092', '[::1]:9093'] });
    expect((config as { DATABASE_URL: Secret }).DATABASE_URL.reveal()).toContain('hunter2');
  });

  it('never tells the value of a secret that is wrong', () => {
    expect(problemsOf({ ...distributed, DATABASE_URL: 'hunter2', REDIS_URL: 'hunter2' })).toEqual([
      'DATABASE_URL must be a URL',
      'REDIS_URL must be a URL',
    ]);
  });

  it('takes name and password for the brokers together with the mechanism only', () => {
    const wrong = [
      'KAFKA_SASL_MECHANISM needs KAFKA_USERNAME and KAFKA_PASSWORD, and they need it',
    ];
    const right = { KAFKA_USERNAME: 'flywheel', KAFKA_PASSWORD: 'hunter2', KAFKA_TLS: 'true' };

    expect(problemsOf({ ...distributed, ...right })).toEqual(wrong);
    expect(problemsOf({ ...distributed, KAFKA_SASL_MECHANISM: 'plain' })).toEqual(wrong);
    expect(problemsOf({ ...distributed, ...right, KAFKA_SASL_MECHANISM: 'plain' })).toEqual([]);
  });

  it('takes a variable that is empty or blank for absent', () => {
    const [config] = readConfig([platformConfig], {
      FLYWHEEL_HTTP_PORT: ' ',
      FLYWHEEL_DATA: '',
      FLYWHEEL_PLATFORM: '',
    });

    expect(config).toMatchObject({ FLYWHEEL_HTTP_PORT: 7070, FLYWHEEL_DATA: '.flywheel' });
  });

  it('reads peers as base addresses by service', () => {
    const [config] = readConfig([platformConfig], {
      FLYWHEEL_PEERS: ' ingestion=http://127.0.0.1:7101/ ,, feature-store=https://store/a=b//',
    });

    expect(config).toMatchObject({
      FLYWHEEL_PEERS: {
        ingestion: 'http://127.0.0.1:7101',
        'feature-store': 'https://store/a=b',
      },
    });
  });

  it('reads a comma list without blanks and gaps', () => {
    expect(commaList().parse(' a.example ,, b ')).toEqual(['a.example', 'b']);
    expect(secret().safeParse('').success).toBe(false);
  });
});
