/** Settings for an unmodified kafkajs that keeps quiet and does not wait long. For tests. */
export function kafkaConfig(
  broker: { host: string; port: number },
  options: { retries?: number } = {},
) {
  return {
    clientId: 'test',
    brokers: [`${broker.host}:${broker.port}`],
    logCreator: () => () => undefined,
    retry: { retries: options.retries ?? 5, initialRetryTime: 30, maxRetryTime: 300 },
  };
}
