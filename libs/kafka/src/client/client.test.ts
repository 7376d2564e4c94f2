import { createRequire } from 'node:module';
import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { startTestBroker } from '../testing/brokers.contract.ts';
import { silentLogger } from '@flywheel/core';
import { eventually } from '@flywheel/core/testing';
import { assignByPartition } from './assigner.ts';
import { openClient } from './client.ts';
import { loadKafkajs } from './patched-kafkajs.ts';
import { Sockets } from './sockets.ts';

const require = createRequire(import.meta.url);

describe('an idle client', () => {
  afterEach(() => {
    vi.restoreAllMocks();
    vi.useRealTimers();
  });

  it('arms no timers', async () => {
    await using broker = await startTestBroker();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { kafka } = openClient(
      { brokers: [broker.address], service: 'idle', log: silentLogger },
      { requestTimeoutMs: 10_000, silenceMs: 15_000 },
    );
    const admin = kafka.admin();
    await admin.connect();
    await admin.listTopics();
    const armed = vi.spyOn(globalThis, 'setTimeout');

    await vi.advanceTimersByTimeAsync(300);

    // Unpatched the library armed one a millisecond.
    expect(armed).not.toHaveBeenCalled();
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

describe('a connection', () => {
  it('that was lost within an answer begins the next one anew', async () => {
    const cutShort = Buffer.from([0, 0, 0, 100, 0, 0, 0, 0, 1, 2, 3]);
    const whole = Buffer.from([0, 0, 0, 5, 0, 0, 0, 1, 7]);
    const answers = [cutShort, whole];
    const server = createServer((socket) => {
      socket.once('data', () => socket.write(answers.shift() ?? Buffer.alloc(0)));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const sockets = new Sockets({ silenceMs: 60_000 });
    const connection = aConnection((server.address() as { port: number }).port, sockets);

    await connection.connect();
    const lost = expect(connection.send(question)).rejects.toThrow('it broke');
    await eventually(() => expect(connection.socket.bytesRead).toBe(cutShort.length));
    connection.socket.destroy(new Error('it broke'));
    await lost;
    await connection.connect();

    expect(await connection.send(question)).toEqual(Buffer.from([7]));
    await connection.disconnect();
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

type Connection = {
  readonly socket: Socket;
  connect(): Promise<boolean>;
  disconnect(): Promise<boolean>;
  send(question: object): Promise<Buffer>;
};

/** The library's own connection, as it is after loading. */
function aConnection(port: number, sockets: Sockets): Connection {
  loadKafkajs();
  const Library = require('kafkajs/src/network/connection.js') as new (o: object) => Connection;
  const logger = { namespace: () => logger, debug: () => undefined, error: () => undefined };
  return new Library({
    host: '127.0.0.1',
    port,
    logger,
    socketFactory: sockets.create,
    requestTimeout: 10_000,
    connectionTimeout: 10_000,
  });
}

const Encoder = require('kafkajs/src/protocol/encoder.js') as new () => object;
const question = {
  request: {
    ...{ apiKey: 18, apiName: 'ApiVersions', apiVersion: 0 },
    encode: () => Promise.resolve(new Encoder()),
  },
  response: {
    decode: (bytes: Buffer) => Promise.resolve(bytes),
    parse: (bytes: Buffer) => Promise.resolve(bytes),
  },
};
