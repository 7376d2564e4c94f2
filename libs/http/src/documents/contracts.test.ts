import * as contracts from '@flywheel/contracts';
import type { Operation } from '@flywheel/contracts';
import { silentLogger } from '@flywheel/core';
import { describe, expect, it } from 'vitest';
import { createHttpServer } from '../server/http-server.ts';

const operations = Object.values(contracts)
  .flatMap((exported: unknown) =>
    typeof exported === 'object' && exported !== null ? (Object.values(exported) as unknown[]) : [],
  )
  .filter(isOperation);

function isOperation(value: unknown): value is Operation {
  return typeof value === 'object' && value !== null && 'reply' in value && 'path' in value;
}

describe('the operations of the contracts', () => {
  it('can all be served side by side, and documented', async () => {
    await using server = createHttpServer({ log: silentLogger });
    for (const operation of operations) server.operation(operation, () => ({}));

    const document = await server.inject({ url: '/openapi.json' });
    const { paths } = document.json() as { paths: Record<string, Record<string, object>> };
    const served = Object.values(paths).flatMap((path) =>
      Object.values(path).map((entry) => (entry as { operationId: string }).operationId),
    );

    expect(operations.length).toBeGreaterThan(30);
    expect(served).toEqual(expect.arrayContaining(operations.map(({ name }) => name)));
    expect((await server.inject({ url: '/docs' })).status).toBe(200);
  });
});
