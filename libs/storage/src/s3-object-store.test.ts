import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '@flywheel/core/testing';
import { openS3ObjectStore } from './s3-object-store.ts';

describe('the object store on S3', () => {
  it('refuses a server that overwrites in spite of If-None-Match', async () => {
    using cache = temporaryFolder();
    const requests: string[] = [];
    const server = createServer((request, answer) => {
      requests.push(request.method ?? '');
      request.resume().on('end', () => answer.writeHead(200, { etag: '"x"' }).end());
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');

    const opening = openS3ObjectStore({
      endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      region: 'us-east-1',
      bucket: 'b',
      accessKeyId: 'id',
      secretAccessKey: 'secret',
      cacheFolder: cache.path,
    });

    await expect(opening).rejects.toMatchObject({
      code: 'invalid_argument',
      details: { field: 'endpoint', rule: 'must honour If-None-Match' },
    });
    expect(requests).toEqual(['HEAD', 'PUT', 'PUT', 'DELETE']);
    server.closeAllConnections();
    server.close();
  });
});
