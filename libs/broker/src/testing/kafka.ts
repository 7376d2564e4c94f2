import { Kafka, logLevel } from 'kafkajs';

/** An unmodified kafkajs that keeps quiet and does not wait long. For tests. */
export function kafkaFor(
  broker: { host: string; port: number },
  options: { retries?: number } = {},
): Kafka {
  return new Kafka({
    clientId: 'test',
    brokers: [`${broker.host}:${broker.port}`],
    logLevel: logLevel.NOTHING,
    retry: { retries: options.retries ?? 5, initialRetryTime: 30, maxRetryTime: 300 },
  });
}
