import { z } from 'zod';
import { secret } from './config.ts';

const port = (standard: number, what: string) =>
  z.coerce
    .number()
    .int()
    .min(0)
    .max(65_535)
    .default(standard)
    .describe(`${what}; 0 = any free port`);

const common = {
  FLYWHEEL_HTTP_PORT: port(7070, 'HTTP port'),
  FLYWHEEL_HTTP_HOST: z
    .string()
    .default('127.0.0.1')
    .describe('address to listen on; anything but loopback exposes the platform'),
  FLYWHEEL_DATA: z.string().default('.flywheel').describe('data folder'),
  FLYWHEEL_LOG_LEVEL: z
    .enum(['debug', 'info', 'warn', 'error'])
    .default('info')
    .describe('least level that is logged'),
  FLYWHEEL_STOP_WITHIN_MS: z.coerce
    .number()
    .int()
    .positive()
    .default(4500)
    .describe('a stop that takes longer is forced'),
  FLYWHEEL_PEERS: z
    .string()
    .default('')
    .describe(
      'where other services answer: ingestion=http://127.0.0.1:7101,tracking=…; absent = this process',
    ),
};

const embedded = z.object({
  ...common,
  FLYWHEEL_PLATFORM: z.literal('embedded'),
  FLYWHEEL_KAFKA_PORT: port(7092, 'port of the embedded broker'),
  FLYWHEEL_SQL_PORT: port(7432, 'port of the embedded PostgreSQL'),
});

const distributed = z.object({
  ...common,
  FLYWHEEL_PLATFORM: z.literal('distributed'),
  KAFKA_BROKERS: z
    .string()
    .min(1)
    .transform((list) => list.split(',').map((broker) => broker.trim()))
    .describe('comma list of host:port'),
  DATABASE_URL: secret().describe('PostgreSQL address with credentials'),
  REDIS_URL: secret().describe('Redis address'),
  S3_ENDPOINT: z.url().optional().describe('absent = AWS'),
  S3_REGION: z.string().default('us-east-1').describe('region of the bucket'),
  S3_BUCKET: z.string().min(3).describe('bucket of the platform'),
  S3_ACCESS_KEY_ID: secret().describe('key id'),
  S3_SECRET_ACCESS_KEY: secret().describe('secret key'),
});

/** The platform's own variables: one switch, and all that belongs to its side. */
export const platformConfig = z.preprocess(
  (given) => ({ FLYWHEEL_PLATFORM: 'embedded', ...(given as object) }),
  z.discriminatedUnion('FLYWHEEL_PLATFORM', [embedded, distributed]),
);

export type PlatformConfig = z.output<typeof platformConfig>;
