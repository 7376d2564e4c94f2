import { z } from 'zod';
import { commaList, secret, secretUrl } from './config.ts';
import { peerAddresses } from './peer-addresses.ts';

const port = (standard: number, what: string) =>
  z.coerce
    .number()
    .int()
    .min(0)
    .max(65_535)
    .default(standard)
    .describe(`${what}; 0 = any free port`);

/** What every process reads. */
export const commonConfig = z.object({
  FLYWHEEL_HTTP_PORT: port(7070, 'HTTP port'),
  FLYWHEEL_HTTP_HOST: z
    .string()
    .default('127.0.0.1')
    .describe('address to listen on; anything but loopback exposes the platform'),
  FLYWHEEL_HTTP_ALLOWED_HOSTS: commaList()
    .prefault('')
    .describe(
      'comma list of names, besides addresses and localhost, under which browsers may reach it: behind a proxy, its name',
    ),
  FLYWHEEL_DATA: z.string().default('.flywheel').describe('data folder'),
  FLYWHEEL_LOG_LEVEL: z
    .enum(['debug', 'info', 'warn', 'error'])
    .default('info')
    .describe('least level that is logged: debug, info, warn or error'),
  FLYWHEEL_STOP_WITHIN_MS: z.coerce
    .number()
    .int()
    .positive()
    .default(4500)
    .describe('a stop that takes longer is forced'),
  FLYWHEEL_PEERS: peerAddresses()
    .prefault('')
    .describe(
      'where other services answer: ingestion=http://127.0.0.1:7101,tracking=…; a service that is not named is in this process',
    ),
});

/** What is read besides when the platform is embedded. */
export const embeddedConfig = z.object({
  FLYWHEEL_KAFKA_PORT: port(7092, 'port of the embedded broker'),
  FLYWHEEL_SQL_PORT: port(7432, 'port of the embedded PostgreSQL'),
});

/** What is read besides when the platform is distributed. */
export const distributedConfig = z.object({
  KAFKA_BROKERS: commaList()
    .refine((brokers) => brokers.length > 0, 'is missing')
    .refine(
      (brokers) => brokers.every((broker) => /^(\[[0-9a-f:]+\]|[^:/\s]+):\d+$/i.test(broker)),
      'must be a comma list of host:port',
    )
    .describe('comma list of host:port'),
  KAFKA_TLS: z.stringbool().default(false).describe('true = encrypt connections to the brokers'),
  KAFKA_SASL_MECHANISM: z
    .enum(['plain', 'scram-sha-256', 'scram-sha-512'])
    .optional()
    .describe('how to sign in to the brokers: plain, scram-sha-256 or scram-sha-512'),
  KAFKA_USERNAME: z.string().optional().describe('name to sign in to the brokers with'),
  KAFKA_PASSWORD: secret().optional().describe('password to sign in to the brokers with'),
  DATABASE_URL: secretUrl().describe('PostgreSQL address with credentials'),
  REDIS_URL: secretUrl().describe('Redis address'),
  S3_ENDPOINT: z.url('must be a URL').optional().describe('absent = AWS'),
  S3_REGION: z.string().default('us-east-1').describe('region of the bucket'),
  S3_BUCKET: z.string().min(3, 'must be the name of a bucket').describe('bucket of the platform'),
  S3_ACCESS_KEY_ID: secret().describe('key id'),
  S3_SECRET_ACCESS_KEY: secret().describe('secret key'),
});

/** The platform's own variables: one switch, and all that belongs to its side. */
export const platformConfig = z.preprocess(
  (given) => ({ FLYWHEEL_PLATFORM: 'embedded', ...(given as object) }),
  z.discriminatedUnion('FLYWHEEL_PLATFORM', [
    commonConfig.extend(embeddedConfig.shape).extend({ FLYWHEEL_PLATFORM: z.literal('embedded') }),
    commonConfig
      .extend(distributedConfig.shape)
      .extend({ FLYWHEEL_PLATFORM: z.literal('distributed') })
      .refine(signsInWhole, {
        path: ['KAFKA_SASL_MECHANISM'],
        error: 'needs KAFKA_USERNAME and KAFKA_PASSWORD, and they need it',
      }),
  ]),
);

/** All of mechanism, name and password, or none. */
function signsInWhole(config: z.output<typeof distributedConfig>): boolean {
  const { KAFKA_SASL_MECHANISM, KAFKA_USERNAME, KAFKA_PASSWORD } = config;
  const given = [KAFKA_SASL_MECHANISM, KAFKA_USERNAME, KAFKA_PASSWORD].filter(Boolean).length;
  return given === 0 || given === 3;
}

export type PlatformConfig = z.output<typeof platformConfig>;
