import { Kafka } from 'kafkajs';
import { expect, it } from 'vitest';
import { startTestBroker } from './testing/brokers.contract.ts';
import { silentLogger } from '@flywheel/core';
import { eventually } from '@flywheel/core/testing';
import { openBus } from './bus.ts';
import { loadKafkajs } from './client/patched-kafkajs.ts';
import { aContract } from './testing/contracts.ts';
import type { OpaqueRecord } from './wire/envelope.ts';

it('the bus also works with the coders of a library that somebody loaded before', async () => {
  expect(Kafka).toBeDefined();
  expect(loadKafkajs().hasOurCoders).toBe(false);
  const contract = aContract();
  await using broker = await startTestBroker();
  await using publisher = await openBus({
    brokers: [broker.address],
    service: 'router',
    log: silentLogger,
  });
  await using receiver = await openBus({
    brokers: [broker.address],
    service: 'monitor',
    log: silentLogger,
  });
  const records: OpaqueRecord[] = [];
  receiver.subscribeBatch(
    contract,
    async (batch) => {
      await Promise.resolve(records.push(...batch));
    },
    { opaque: true },
  );
  await receiver.start();

  const [published] = await publisher.publishOpaque(contract, [
    { id: 'id-1', key: 'k', subject: 's', value: Buffer.from([1, 2, 255]) },
  ]);

  await eventually(() => expect(records).toHaveLength(1));
  expect(records[0]).toMatchObject({
    id: 'id-1',
    type: contract.type,
    key: 'k',
    subject: 's',
    partition: published?.partition,
    offset: BigInt(published?.offset ?? -1),
  });
  expect(Buffer.from(records[0]!.value)).toEqual(Buffer.from([1, 2, 255]));
});
