import { silentLogger } from '@flywheel/core';
import { createHttpServer } from '@flywheel/http';
import { expect, it } from 'vitest';
import { datasetRoutes } from './dataset-routes.ts';

it.each([
  ['flights', ['ingest.records']],
  ['delay.predictions', ['ingest.records', 'inference.predictions']],
  ['delay.outcomes', ['ingest.records', 'inference.outcomes']],
])('%s is not described with a count that lacks what the log has', async (dataset, read) => {
  await using http = createHttpServer({ log: silentLogger });
  const asked: string[] = [];
  datasetRoutes(http, {
    bus: {
      caughtUp: (topic: string) => {
        asked.push(topic);
        return Promise.resolve(asked.length < read.length);
      },
    },
  } as never);

  const reply = await http.inject({ method: 'GET', url: `/api/ingestion/datasets/${dataset}` });

  expect(reply.status).toBe(503);
  expect(asked).toEqual(read);
});
