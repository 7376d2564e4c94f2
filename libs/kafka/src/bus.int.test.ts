import { describeBus } from './bus.contract.ts';

describeBus('Apache Kafka', () =>
  Promise.resolve((process.env['KAFKA_BROKERS'] ?? '127.0.0.1:9092').split(',')),
);
