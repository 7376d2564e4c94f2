import { defineOperation } from '@flywheel/contracts';
import { AppError, silentLogger } from '@flywheel/core';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createHttpServer } from '../server/http-server.ts';
import type { HttpServer } from '../server/http-server.ts';
import type { Peers } from './peers.ts';

export type PeersUnderTest = AsyncDisposable & { readonly peers: Peers };

const describeDataset = defineOperation({
  name: 'ingestion.describe-dataset',
  service: 'ingestion',
  method: 'POST',
  path: '/api/ingestion/datasets/:dataset/versions/:version',
  summary: 'Describes.',
  params: z.object({ dataset: z.string(), version: z.coerce.number<number>().int() }),
  query: z.object({
    limit: z.coerce.number<number>().int().max(10).default(5),
    tags: z.array(z.string()).default([]),
    exact: z.stringbool().optional(),
  }),
  body: z.object({ at: z.iso.datetime().optional(), items: z.array(z.object({ n: z.number() })) }),
  reply: z.object({ seen: z.unknown(), note: z.string().optional() }),
  bodyLimitBytes: 10_000,
});

const failing = defineOperation({
  name: 'ingestion.fail',
  service: 'ingestion',
  method: 'GET',
  path: '/api/ingestion/fail',
  summary: 'Fails.',
  query: z.object({ how: z.string() }),
  reply: z.object({}),
});

const emptying = defineOperation({
  name: 'ingestion.empty-dataset',
  service: 'ingestion',
  method: 'DELETE',
  path: '/api/ingestion/datasets/:dataset',
  summary: 'Empties.',
  params: z.object({ dataset: z.string() }),
  reply: z.undefined(),
});

const waiting = defineOperation({
  name: 'ingestion.wait',
  service: 'ingestion',
  method: 'POST',
  path: '/api/ingestion/wait',
  summary: 'Waits for ever.',
  reply: z.object({}),
});

const failures: Readonly<Record<string, () => unknown>> = {
  'not-found': () =>
    new AppError('not_found', 'no such dataset', { details: { dataset: 'd', at: new Date(0) } }),
  conflict: () => new AppError('conflict', 'stale', { cause: new Error('inside') }),
  unprintable: () =>
    new AppError('conflict', 'stale', { details: { run: () => 1, big: 2n ** 64n } }),
  unavailable: () => new AppError('unavailable', 'db-7 is down', { details: { host: 'db-7' } }),
  exhausted: () =>
    new AppError('resource_exhausted', 'queue is full', { details: { retryAfterMs: 5 } }),
  bug: () => new TypeError('x is undefined'),
  string: () => 'thrown',
};

type Counts = { calls: number; aborted: number };

function serveAll(server: HttpServer, counts: Counts): void {
  server.operation(describeDataset, ({ params, query, body }) => ({
    seen: { params, query, body, extra: undefined, when: new Date(0) },
    note: undefined,
  }));
  server.operation(failing, ({ query }) => {
    counts.calls++;
    if (query.how === 'wrong-reply') return null as never;
    throw failures[query.how]?.();
  });
  server.operation(emptying, () => undefined);
  server.operation(
    waiting,
    ({ signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          counts.aborted++;
          reject(new AppError('cancelled', 'given up'));
        });
      }),
  );
}

async function outcomeOf(call: Promise<unknown>): Promise<unknown> {
  try {
    return { reply: await call };
  } catch (thrown) {
    const { code, message, details } = thrown as AppError;
    return { isAppError: thrown instanceof AppError, code, message, details };
  }
}

/** What every caller of a peer relies on, wherever the peer runs. `open` makes peers that reach `server`. */
export function describePeers(
  name: string,
  open: (server: HttpServer) => Promise<PeersUnderTest>,
): void {
  describe(`peers ${name}`, () => {
    async function start() {
      const counts: Counts = { calls: 0, aborted: 0 };
      const server = createHttpServer({ log: silentLogger });
      serveAll(server, counts);
      const opened = await open(server);
      return {
        counts,
        call: ((...args) => opened.peers.call(...args)) as Peers['call'],
        async [Symbol.asyncDispose]() {
          await opened[Symbol.asyncDispose]();
          await server[Symbol.asyncDispose]();
        },
      };
    }

    it('carry input and reply as JSON, with defaults filled in and undefined left out', async () => {
      await using peers = await start();

      const reply = await peers.call(describeDataset, {
        params: { dataset: 'a/b c%2F?#é', version: 3 },
        query: { tags: ['x&y'], exact: 'false' },
        body: { items: [{ n: 1.5 }], other: 1 } as never,
      });

      expect(reply).toEqual({
        seen: {
          params: { dataset: 'a/b c%2F?#é', version: 3 },
          query: { limit: 5, tags: ['x&y'], exact: false },
          body: { items: [{ n: 1.5 }] },
          when: '1970-01-01T00:00:00.000Z',
        },
      });
      expect(Object.keys(reply)).toEqual(['seen']);
    });

    it('give undefined for an empty reply', async () => {
      await using peers = await start();

      expect(await outcomeOf(peers.call(emptying, { params: { dataset: 'd' } }))).toEqual({
        reply: undefined,
      });
    });

    it.each([
      [
        { params: { dataset: 'd', version: 1.5 }, body: { items: [] } },
        'params.version: expected int, received number',
      ],
      [
        { params: { dataset: '', version: 1 }, body: { items: [] } },
        'params.dataset: must not be empty',
      ],
      [
        { params: { dataset: 'a\0b', version: 1 }, body: { items: [] } },
        'params.dataset: must not contain NUL',
      ],
      [
        { params: { dataset: 'd'.repeat(2000), version: 1 }, body: { items: [] } },
        'path: parameters must have at most 1024 characters',
      ],
      [
        { params: { dataset: 'd', version: 1 }, query: { limit: 99 }, body: { items: [] } },
        'query.limit: expected number to be <=10',
      ],
      [
        { params: { dataset: 'd', version: 1 }, body: { items: [{}] } },
        'body.items[0].n: is required',
      ],
      [
        { params: { dataset: 'd', version: 1 }, body: { items: [{ n: Number.NaN }] } },
        'body.items[0].n: expected number, received null',
      ],
      [{ params: { dataset: 'd', version: 1 } }, 'body: is required'],
    ])('refuse wrong input, case %#, naming the field', async (input, message) => {
      await using peers = await start();

      expect(await outcomeOf(peers.call(describeDataset, input as never))).toMatchObject({
        isAppError: true,
        code: 'invalid_argument',
        message,
      });
    });

    it('refuse a body past the operation’s limit', async () => {
      await using peers = await start();
      const items = Array.from({ length: 5_000 }, () => ({ n: 1 }));

      expect(
        await outcomeOf(
          peers.call(describeDataset, { params: { dataset: 'd', version: 1 }, body: { items } }),
        ),
      ).toEqual({
        isAppError: true,
        code: 'payload_too_large',
        message: 'body is too large',
        details: { limitBytes: 10_000 },
      });
    });

    const here = { service: 'ingestion', operation: 'ingestion.fail' };
    it.each([
      [
        'not-found',
        'not_found',
        'no such dataset',
        { dataset: 'd', at: '1970-01-01T00:00:00.000Z' },
        1,
      ],
      ['conflict', 'conflict', 'stale', undefined, 1],
      ['unprintable', 'conflict', 'stale', { big: 18446744073709552000 }, 1],
      ['unavailable', 'unavailable', 'service unavailable', here, 3],
      ['exhausted', 'resource_exhausted', 'queue is full', { retryAfterMs: 5 }, 3],
      ['bug', 'internal', 'internal error', here, 1],
      ['string', 'internal', 'internal error', here, 1],
      [
        'wrong-reply',
        'internal',
        'reply does not match its contract',
        { ...here, field: 'reply', rule: 'expected object, received null' },
        1,
      ],
    ])(
      'pass on the error %s and try again what may be',
      async (how, code, message, details, calls) => {
        await using peers = await start();

        expect(await outcomeOf(peers.call(failing, { query: { how } }))).toEqual({
          isAppError: true,
          code,
          message,
          details,
        });
        expect(peers.counts.calls).toBe(calls);
      },
    );

    it('stop waiting at the deadline, and tell the handler', async () => {
      await using peers = await start();

      expect(await outcomeOf(peers.call(waiting, {}, { timeoutMs: 50 }))).toEqual({
        isAppError: true,
        code: 'deadline_exceeded',
        message: 'deadline exceeded',
        details: { service: 'ingestion', operation: 'ingestion.wait', timeoutMs: 50 },
      });
      await expect.poll(() => peers.counts.aborted).toBe(1);
    });

    it('stop when the caller does, before or during the call', async () => {
      await using peers = await start();
      const controller = new AbortController();
      const during = outcomeOf(peers.call(waiting, {}, { signal: controller.signal }));
      controller.abort();

      expect(await during).toMatchObject({ code: 'cancelled' });
      expect(await outcomeOf(peers.call(waiting, {}, { signal: controller.signal }))).toMatchObject(
        { code: 'cancelled' },
      );
    });
  });
}
