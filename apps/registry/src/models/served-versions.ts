import { AppError } from '@flywheel/core';
import type { Query } from './model-rows.ts';

/** What an endpoint serves keeps its name and stays in the registry: a `conflict` that tells the endpoints. */
export async function refuseServed(
  query: Query,
  served: { model: string; version?: number },
): Promise<void> {
  const rows = await query.query<{ endpoint: string }>(
    `select endpoint from deployments d where deployment -> 'variants' @> $1::jsonb
       and revision = (select max(revision) from deployments where endpoint = d.endpoint)
     order by endpoint`,
    [JSON.stringify([served])],
  );
  if (rows.length === 0) return;
  const endpoints = rows.map(({ endpoint }) => endpoint);
  throw new AppError('conflict', `served by endpoint ${endpoints.join(', ')}`, {
    details: { ...served, endpoints },
  });
}
