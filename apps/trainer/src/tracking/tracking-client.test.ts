import { AppError, silentLogger, systemClock } from '@flywheel/core';
import { createHttpServer } from '@flywheel/http';
import type { Peers } from '@flywheel/http';
import { mlflow } from '@flywheel/contracts';
import { describe, expect, it } from 'vitest';
import { TrackingClient } from './tracking-client.ts';

const run = { id: 'r', artifactUri: 'mlflow-artifacts:/1/r/artifacts' };
const noPeers: Peers = { call: () => Promise.reject(new Error('not called')) };

function clientOf(url: string, waitsMs: readonly number[] = []): TrackingClient {
  const retries = { waitsMs, signal: new AbortController().signal, log: silentLogger };
  return new TrackingClient({ peers: noPeers, urlOf: () => url, clock: systemClock, retries });
}

/** A server that answers uploads with these statuses in turn. */
async function aServer(statuses: number[]): Promise<{ url: string } & AsyncDisposable> {
  const server = createHttpServer({ log: silentLogger });
  server.route({
    service: 'tracking',
    name: 'tracking.upload-artifact',
    summary: 'Takes the bytes of an artifact',
    method: 'PUT',
    path: `${mlflow.mlflowArtifactsPath}/*`,
    body: 'buffer',
    handler: () => ({ status: statuses.shift() ?? 200, body: { message: 'so it is' } }),
  });
  const { port } = await server.listen({ port: 0, host: '127.0.0.1' });
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

describe('an upload', () => {
  it.each([
    [400, 'invalid_argument'],
    [403, 'permission_denied'],
    [404, 'not_found'],
    [413, 'payload_too_large'],
    [429, 'resource_exhausted'],
    [500, 'internal'],
    [502, 'unavailable'],
    [503, 'unavailable'],
    [504, 'deadline_exceeded'],
  ])('that is answered %i ends with %s', async (status, code) => {
    await using server = await aServer([status]);

    const upload = clientOf(server.url).logArtifact(run, 'model/MLmodel', Buffer.from('x'));

    await expect(upload).rejects.toMatchObject({
      code,
      message: 'so it is',
      details: { path: 'model/MLmodel' },
    });
    await expect(upload).rejects.toBeInstanceOf(AppError);
  });

  it('that reaches nobody ends with unavailable', async () => {
    await using server = await aServer([]);
    const { url } = server;
    await server[Symbol.asyncDispose]();

    await expect(clientOf(url).logArtifact(run, 'a', Buffer.from('x'))).rejects.toMatchObject({
      code: 'unavailable',
      details: { path: 'a' },
    });
  });

  it('is sent again while tracking is away', async () => {
    const statuses = [503, 502];
    await using server = await aServer(statuses);

    await clientOf(server.url, [0, 0]).logArtifact(run, 'a', Buffer.from('x'));

    expect(statuses).toEqual([]);
  });
});
