import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ingestion } from '@flywheel/contracts';
import { AppError, silentLogger } from '@flywheel/core';
import { createHttpClient } from '@flywheel/http';
import { expect, it, onTestFinished } from 'vitest';
import type { LapPlatform } from '../platform/open-platform.ts';
import { LapClient } from './lap-client.ts';

/** A lap's client of an ingestion that answers like this, the last answer for ever. */
async function aClient(
  answers: readonly { status: number; body: object }[],
  more: Pick<LapPlatform, 'gone'> = {},
): Promise<LapClient> {
  let calls = 0;
  const server = createServer((request, response) => {
    request.resume();
    const { status, body } = answers[Math.min(calls++, answers.length - 1)]!;
    response.writeHead(status).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const http = createHttpClient({ log: silentLogger });
  onTestFinished(async () => {
    await http[Symbol.asyncDispose]();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const platform: LapPlatform = {
    ...{ kind: 'distributed', brokers: [], addresses: {}, folder: '', urlOf: () => url, ...more },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  return new LapClient(platform, http);
}

const away = { status: 503, body: { code: 'unavailable', message: 'away' } };
const send = (client: LapClient) =>
  client.sendRecords(
    'flights',
    { contentType: 'application/x-ndjson', text: '{}' },
    { key: 'id', idempotencyKey: 'one' },
  );

it('asks again while a service is away', async () => {
  const accepted: ingestion.RecordsAccepted = {
    dataset: 'flights',
    batch: 'b',
    accepted: 1,
    offsets: [],
  };

  expect(await send(await aClient([away, away, { status: 202, body: accepted }]))).toEqual(
    accepted,
  );
});

it('has many calls under way at once without a warning', async () => {
  const warnings: string[] = [];
  const onWarning = ({ message }: Error) => void warnings.push(message);
  process.on('warning', onWarning);
  onTestFinished(() => void process.off('warning', onWarning));
  const client = await aClient([{ status: 200, body: { datasets: [] } }], {
    gone: new AbortController().signal,
  });

  await Promise.all(Array.from({ length: 16 }, () => client.call(ingestion.listDatasets, {})));
  await new Promise(setImmediate);

  expect(warnings).toEqual([]);
});

it('does not ask again for what is refused, and says who refused what', async () => {
  const client = await aClient([{ status: 400, body: { message: 'key: is required' } }]);

  await expect(send(client)).rejects.toThrow(
    /^ingestion \(POST .*\/records\) answered 400: .*key: is required/,
  );
});

it('gives up at once when the platform of the lap has ended', async () => {
  const ended = new AppError('internal', 'the platform has ended (SIGKILL)');
  const client = await aClient([away], { gone: AbortSignal.abort(ended) });

  await expect(client.call(ingestion.listDatasets, {})).rejects.toThrow(ended.message);
  await expect(send(client)).rejects.toThrow(ended.message);
});
