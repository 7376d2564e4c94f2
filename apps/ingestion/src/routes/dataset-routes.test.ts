import { silentLogger } from '@flywheel/core';
import { createHttpServer } from '@flywheel/http';
import { expect, it } from 'vitest';
import { datasetRoutes } from './dataset-routes.ts';

it('a dataset is not described with a count that lacks records the log has acknowledged', async () => {
  await using http = createHttpServer({ log: silentLogger });
  const ends = new Map([[0, 5n]]);
  const asked: unknown[] = [];
  datasetRoutes(http, {
    bus: { endOffsets: () => Promise.resolve(ends) },
    lake: {
      waitFor: (...given: unknown[]) => {
        asked.push(given.slice(0, 2));
        return Promise.resolve(false);
      },
    },
  } as never);

  const reply = await http.inject({ method: 'GET', url: '/api/ingestion/datasets/flights' });

  expect(reply.status).toBe(503);
  expect(asked).toEqual([['ingest.records', ends]]);
});
