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
  const ends = new Map([[0, 5n]]);
  const asked: unknown[] = [];
  datasetRoutes(http, {
    bus: { endOffsets: () => Promise.resolve(ends) },
    lake: {
      waitFor: (...given: unknown[]) => {
        asked.push(given.slice(0, 2));
        return Promise.resolve(asked.length < read.length);
      },
    },
  } as never);

  const reply = await http.inject({ method: 'GET', url: `/api/ingestion/datasets/${dataset}` });

  expect(reply.status).toBe(503);
  expect(asked).toEqual(read.map((topic) => [topic, ends]));
});
