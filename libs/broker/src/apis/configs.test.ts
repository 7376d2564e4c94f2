import { silentLogger } from '@flywheel/core';
import { expect, it } from 'vitest';
import { startTestBroker } from '../testing.ts';
import { WireClient } from '../testing/wire-client.ts';
import { makeTopic } from '../testing/wire.ts';
import { describeConfigs, incrementalAlterConfigs } from './configs.ts';

const alterApi = incrementalAlterConfigs(undefined as never, silentLogger);
const describeApi = describeConfigs(undefined as never, () => ({}));

it('single configs are set, deleted, appended and subtracted, the others stay', async () => {
  await using broker = await startTestBroker();
  await using client = await WireClient.connect(broker);
  await makeTopic(client, 't', { configs: { 'retention.ms': '5', 'segment.ms': '7' } });
  const change = async (name: string, operation: number, value: string | null) => {
    const changes = [{ name, operation, value }];
    const { results } = await client.call(alterApi, 0, {
      resources: [{ type: 2, name: 't', changes }],
      validateOnly: false,
    });
    return results[0]?.error;
  };
  const valuesOf = async (...keys: string[]) => {
    const { results } = await client.call(describeApi, 3, {
      resources: [{ type: 2, name: 't', keys }],
      includeSynonyms: false,
      includeDocumentation: false,
    });
    return Object.fromEntries(results[0]!.configs.map(({ name, value }) => [name, value]));
  };

  expect(await change('retention.ms', 1, null)).toBe(0);
  expect(await change('max.message.bytes', 0, '2000')).toBe(0);
  expect(await change('cleanup.policy', 2, 'compact')).toBe(0);
  expect(await change('cleanup.policy', 0, 'shred')).toBe(40);
  expect(await change('no.such.key', 0, '1')).toBe(40);
  const keys = ['retention.ms', 'segment.ms', 'max.message.bytes', 'cleanup.policy'];
  expect(await valuesOf(...keys)).toEqual({
    'retention.ms': '604800000',
    'segment.ms': '7',
    'max.message.bytes': '2000',
    'cleanup.policy': 'delete,compact',
  });
  expect(await change('cleanup.policy', 3, 'delete')).toBe(0);

  expect(await valuesOf('cleanup.policy')).toEqual({ 'cleanup.policy': 'compact' });
});
