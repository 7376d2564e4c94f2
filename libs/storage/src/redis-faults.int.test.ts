import { once } from 'node:events';
import { type AddressInfo, type Socket, connect, createServer } from 'node:net';
import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { newId, silentLogger } from '@flywheel/core';
import { eventually } from '@flywheel/core/testing';
import { openRedisOnlineStore } from './redis-online-store.ts';
import { serverAddress } from './server-address.contract.ts';

const url = serverAddress('REDIS_URL');
const log = silentLogger;

describe('the online store on redis', () => {
  it('holds the exact bytes of a key behind those of its namespace', async () => {
    const namespace = newId();
    await using store = await openRedisOnlineStore({ url, namespace, log });
    const redis = new Redis(url);
    const key = Uint8Array.from([0xef, 0xfe, 0xff, 0x00]);

    await store.put([{ key, value: key, order: 1n }]);

    const stored = Buffer.concat([Buffer.from(`${namespace}\0`), key]);
    expect(await redis.exists(stored)).toBe(1);
    redis.disconnect();
  });

  it('runs its script again after the server forgot it', async () => {
    await using store = await openRedisOnlineStore({ url, namespace: newId(), log });
    const redis = new Redis(url);
    const put = (order: bigint) =>
      store.put([{ key: Uint8Array.from([1]), value: Uint8Array.from([2]), order }]);
    await put(1n);

    await redis.script('FLUSH', 'SYNC');

    expect(await put(2n)).toBe(1);
    expect(await put(1n)).toBe(0);
    redis.disconnect();
  });

  it('is unavailable while the server is away, and goes on by itself when it is back', async () => {
    const line = await relay(new URL(url));
    await using store = await openRedisOnlineStore({
      url: `redis://127.0.0.1:${line.port}`,
      namespace: newId(),
      log,
    });
    const key = Uint8Array.from([1]);
    await store.put([{ key, value: Uint8Array.from([7]) }]);

    await line.cut();
    await expect(store.getMany([key])).rejects.toMatchObject({ code: 'unavailable' });

    await line.mend();
    await eventually(async () => {
      expect(await store.getMany([key])).toEqual([Uint8Array.from([7])]);
    });
    await line.cut();
  });

  it('is unavailable where no server is', async () => {
    await expect(
      openRedisOnlineStore({ url: 'redis://127.0.0.1:1', namespace: 'x', log }),
    ).rejects.toMatchObject({ code: 'unavailable' });
    await expect(
      openRedisOnlineStore({ url: 'http://127.0.0.1', namespace: 'x', log }),
    ).rejects.toMatchObject({ code: 'invalid_argument' });
  });
});

/** A line to the server that can be cut and mended. */
async function relay(to: URL) {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(Number(to.port), to.hostname);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => sockets.delete(socket));
    }
    near.pipe(far).pipe(near);
  });
  const listen = async (port: number) => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  };
  await listen(0);
  const { port } = server.address() as AddressInfo;
  return {
    port,
    cut: async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
    mend: () => listen(port),
  };
}
