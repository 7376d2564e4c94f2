import type { Kafka, KafkaConfig, LogEntry } from 'kafkajs';
import type { Logger } from '@flywheel/core';
import { type PatchedKafkajs, loadKafkajs } from './patched-kafkajs.ts';
import { Sockets } from './sockets.ts';

/** TLS and SASL of a cluster that asks for them, as the client library takes them. */
export type BrokerSecurity = Pick<KafkaConfig, 'ssl' | 'sasl'>;

export type ClientOptions = {
  readonly brokers: readonly string[];
  readonly service: string;
  readonly log: Logger;
  readonly security?: BrokerSecurity | undefined;
};

export type Client = {
  readonly kafka: Kafka;
  readonly sockets: Sockets;
  readonly library: PatchedKafkajs['library'];
  readonly hasOurCoders: boolean;
  readonly errorOf: PatchedKafkajs['errorOf'];
};

/**
 * A client with its own connections. `requestTimeoutMs` after which a request counts as lost; a connection that stays
 * silent for longer is destroyed, because answers come in order and the lost one would block all after it.
 */
export function openClient(
  options: ClientOptions,
  timeouts: { requestTimeoutMs: number; silenceMs: number },
): Client {
  const { library, hasOurCoders, errorOf } = loadKafkajs();
  const sockets = new Sockets({ silenceMs: timeouts.silenceMs });
  const { ssl, sasl } = options.security ?? {};
  const kafka = new library.Kafka({
    clientId: options.service,
    brokers: [...options.brokers],
    connectionTimeout: 3000,
    requestTimeout: timeouts.requestTimeoutMs,
    enforceRequestTimeout: true,
    retry: { retries: 2, initialRetryTime: 50, maxRetryTime: 500 },
    socketFactory: sockets.create,
    logLevel: library.logLevel.WARN,
    logCreator: () => (entry) => forward(options.log, entry),
    ...(ssl === undefined ? {} : { ssl }),
    ...(sasl === undefined ? {} : { sasl }),
  });
  return { kafka, sockets, library, hasOurCoders, errorOf };
}

/** The library reports every lost connection as an error; what matters is reported by our own layer. */
function forward(log: Logger, { namespace, log: entry }: LogEntry): void {
  log.debug({ namespace, text: entry.message }, 'the kafka client reports');
}

/** The `type` of the broker's answer somewhere in the causes of `error`, such as `MESSAGE_TOO_LARGE`. */
export function brokerErrorType(error: unknown): string | undefined {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++)
    if ('type' in at && typeof at.type === 'string') return at.type;
  return undefined;
}

/** Waits for `work`, but not longer than `withinMs`: for closing things that may never answer. */
export async function within(withinMs: number, work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), withinMs);
  });
  try {
    return await Promise.race([
      work.then(
        () => true,
        () => true,
      ),
      late,
    ]);
  } finally {
    clearTimeout(timer);
  }
}
