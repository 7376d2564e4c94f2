import { createHook } from 'node:async_hooks';
import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { startTestBroker } from '../testing/brokers.contract.ts';
import { silentLogger } from '@flywheel/core';
import { eventually } from '@flywheel/core/testing';
import { assignByPartition } from './assigner.ts';
import { openClient } from './client.ts';
import { Sockets } from './sockets.ts';

describe('an idle client', () => {
  it('arms no timers', async () => {
    await using broker = await startTestBroker();
    const { kafka } = openClient(
      { brokers: [broker.address], service: 'idle', log: silentLogger },
      { requestTimeoutMs: 10_000, silenceMs: 15_000 },
    );
    const admin = kafka.admin();
    await admin.connect();
    await admin.listTopics();
    let timers = 0;
    const hook = createHook({ init: (_id, type) => void (timers += type === 'Timeout' ? 1 : 0) });

    hook.enable();
    await delay(300);
    hook.disable();

    // One is our own wait; unpatched the library armed one a millisecond.
    expect(timers).toBeLessThan(20);
    await admin.disconnect();
  });
});

describe('sockets', () => {
  it('one whose peer says nothing is destroyed, one that is not asked is kept', async () => {
    const accepted: Socket[] = [];
    const server: Server = createServer((socket) => accepted.push(socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const sockets = new Sockets({ silenceMs: 100 });
    const connect = () =>
      new Promise<Socket>((resolve) => {
        const socket = sockets.create({
          host: '127.0.0.1',
          port,
          ssl: undefined as never,
          onConnect: () => resolve(socket),
        });
        socket.on('error', () => undefined);
      });
    const asking = await connect();
    const silent = await connect();

    asking.write('a question');

    await eventually(() => expect(asking.destroyed).toBe(true));
    await eventually(() => expect(sockets.count).toBe(1));
    expect(silent.destroyed).toBe(false);
    sockets.destroyAll();
    await eventually(() => expect(sockets.count).toBe(0));
    for (const socket of accepted) socket.destroy();
    server.close();
  });
});

describe('assignment', () => {
  it('gives partition p of every topic to the same member, and only to members that know the topic', () => {
    const members = [
      { memberId: 'b', topics: ['x', 'y'] },
      { memberId: 'a', topics: ['x', 'y', 'z'] },
    ];
    const partitions = new Map([
      ['x', [0, 1, 2, 3]],
      ['y', [0, 1, 2, 3]],
      ['z', [0, 1]],
    ]);

    expect(Object.fromEntries(assignByPartition(members, partitions))).toEqual({
      a: { x: [0, 2], y: [0, 2], z: [0, 1] },
      b: { x: [1, 3], y: [1, 3] },
    });
  });
});
