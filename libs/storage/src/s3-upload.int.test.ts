import { once } from 'node:events';
import { type IncomingMessage, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { S3Client, ListMultipartUploadsCommand } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { newId, sha256 } from '@flywheel/core';
import { temporaryFolder } from '@flywheel/core/testing';
import { openS3ObjectStore } from './s3-object-store.ts';
import { serverAddress } from './server-address.contract.ts';

const endpoint = serverAddress('S3_ENDPOINT');
const bucket = serverAddress('S3_BUCKET');
const accessKeyId = serverAddress('S3_ACCESS_KEY_ID');
const secretAccessKey = serverAddress('S3_SECRET_ACCESS_KEY');

describe('an upload to S3 over a bad line', () => {
  const open = async (through: string) => {
    const cache = temporaryFolder();
    const options = { region: 'us-east-1', bucket, accessKeyId, secretAccessKey };
    const store = await openS3ObjectStore({
      ...options,
      endpoint: through,
      cacheFolder: cache.path,
    });
    return { store, cache, [Symbol.dispose]: () => cache[Symbol.dispose]() };
  };

  it('sends a part again that failed once', async () => {
    const failed: string[] = [];
    await using line = await badLine(({ method, url = '' }) => {
      if (method !== 'PUT' || !url.includes('partNumber=2') || failed.length > 0) return false;
      failed.push(url);
      return true;
    });
    using opened = await open(line.url);
    const key = `${newId()}/big.parquet`;

    const put = await opened.store.put(key, chunks(20_000_000));

    const stored = await opened.store.get(key);
    expect(failed).toHaveLength(1);
    expect(stored?.length).toBe(20_000_000);
    expect(sha256(stored as Uint8Array)).toBe(put.sha256);
  });

  it('leaves neither object nor parts when a part keeps failing', async () => {
    await using line = await badLine(
      ({ method, url = '' }) => method === 'PUT' && url.includes('partNumber=2'),
    );
    using opened = await open(line.url);
    const key = `${newId()}/big.parquet`;

    await expect(opened.store.put(key, chunks(20_000_000))).rejects.toMatchObject({
      code: 'unavailable',
    });

    expect(await opened.store.stat(key)).toBeUndefined();
    expect(await uploadsOf(key)).toEqual([]);
  });

  it('leaves no parts of a stream that broke', async () => {
    using opened = await open(endpoint);
    const key = `${newId()}/big.parquet`;
    async function* broken() {
      yield* chunks(20_000_000);
      throw new Error('source broke');
    }

    await expect(opened.store.put(key, broken())).rejects.toThrow('source broke');

    expect(await uploadsOf(key)).toEqual([]);
  });

  it('is unavailable where no server is', async () => {
    await expect(open('http://127.0.0.1:1')).rejects.toMatchObject({ code: 'unavailable' });
  });
});

/** A proxy that cuts off what `shouldFail` picks, after it has read it. */
async function badLine(
  shouldFail: (request: IncomingMessage) => boolean,
): Promise<{ url: string } & AsyncDisposable> {
  const server = createServer((incoming, answer) => {
    if (shouldFail(incoming)) {
      incoming.resume().once('end', () => answer.destroy());
      return;
    }
    const { method, url, headers } = incoming;
    const outgoing = request(new URL(url ?? '/', endpoint), { method, headers }, (reply) => {
      answer.writeHead(reply.statusCode ?? 500, reply.headers);
      reply.pipe(answer);
    });
    outgoing.on('error', () => answer.destroy());
    incoming.pipe(outgoing);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function uploadsOf(key: string): Promise<unknown[]> {
  const client = new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
  });
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
  client.destroy();
  return Uploads.filter((found) => found.Key === key);
}

async function* chunks(size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < size; at += 100_000)
    yield await Promise.resolve(new Uint8Array(100_000).fill(at % 251));
}
