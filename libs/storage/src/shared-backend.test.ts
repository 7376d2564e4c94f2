import { once } from 'node:events';
import { type AddressInfo, type Socket, connect, createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { eventually } from '@flywheel/core/testing';
import { message, simpleQuery, sync } from './postgres-wire.ts';
import { type Backend, SharedBackend } from './shared-backend.ts';

const welcome = message('Z', Buffer.from('I'));

describe('a shared backend', () => {
  it('keeps the messages of one unit together, however they arrive', async () => {
    await using system = await start();
    const [one, two] = [await system.connect(), await system.connect()];

    one.write(message('P', '', 'one', Buffer.alloc(2)));
    two.write(Buffer.concat([message('P', '', 'two', Buffer.alloc(2)), sync]));
    await eventually(() => expect(system.ran).toEqual(['P two S f']));
    one.write(sync.subarray(0, 3));
    one.write(sync.subarray(3));

    await eventually(() => expect(system.ran).toEqual(['P two S f', 'P one S f']));
  });

  it('lets the others wait until a transaction has ended', async () => {
    await using system = await start();
    const [one, two] = [await system.connect(), await system.connect()];

    one.write(simpleQuery('begin'));
    await eventually(() => expect(system.ran).toEqual(['Q begin f']));
    two.write(simpleQuery('other'));
    one.write(simpleQuery('work'));
    await eventually(() => expect(system.ran).toEqual(['Q begin f', 'Q work f']));
    one.write(simpleQuery('commit'));

    await eventually(() =>
      expect(system.ran).toEqual(['Q begin f', 'Q work f', 'Q commit f', 'Q other f']),
    );
  });

  it('sends away a client that sits on a transaction while others wait', async () => {
    await using system = await start({ idleInTransactionMs: 30 });
    const [one, two] = [await system.connect(), await system.connect()];
    const said = textOf(one);
    one.write(simpleQuery('begin'));
    await eventually(() => expect(system.ran).toEqual(['Q begin f']));

    two.write(simpleQuery('other'));

    await eventually(() =>
      expect(system.ran).toEqual(['Q begin f', 'S', 'Q rollback', 'Q other f']),
    );
    expect(await said).toContain('25P03');
  });

  it('leaves a client in its transaction as long as nobody waits', async () => {
    await using system = await start({ idleInTransactionMs: 1 });
    const [one, two] = [await system.connect(), await system.connect()];
    one.write(simpleQuery('begin'));
    await eventually(() => expect(system.ran).toEqual(['Q begin f']));
    two.write(message('H'));
    one.write(simpleQuery('commit'));

    await eventually(() => expect(system.ran).toContain('Q commit f'));
    expect(system.ran).not.toContain('Q rollback');
  });

  it('rolls back what a vanished client has begun, and closes its statements', async () => {
    await using system = await start();
    const one = await system.connect();
    one.write(Buffer.concat([message('P', 'mine', 'select', Buffer.alloc(2)), sync]));
    one.write(simpleQuery('begin'));
    await eventually(() => expect(system.ran).toHaveLength(2));

    one.destroy();

    await eventually(() =>
      expect(system.ran.slice(2)).toEqual(['S', 'Q rollback', 'C Sc1_mine S']),
    );
  });

  it('does its own chores between the units of the clients', async () => {
    await using system = await start();
    const one = await system.connect();
    one.write(simpleQuery('begin'));
    await eventually(() => expect(system.ran).toEqual(['Q begin f']));

    const chore = system.shared.execute('checkpoint');
    one.write(simpleQuery('commit'));
    await chore;

    expect(system.ran).toEqual(['Q begin f', 'Q commit f', 'Q checkpoint']);
  });

  it('holds an answer back until what it tells is on the disk, and works for others meanwhile', async () => {
    await using system = await start();
    const [one, two] = [await system.connect(), await system.connect()];
    const order: string[] = [];
    one.on('data', () => order.push('one'));
    two.on('data', () => order.push('two'));
    const disk = eventually(() => expect(system.ran).toHaveLength(2));
    system.backend.disk = disk.then(() => order.push('on the disk')).then(() => undefined);

    one.write(simpleQuery('commit'));
    await eventually(() => expect(system.ran).toEqual(['Q commit f']));
    two.write(simpleQuery('other'));

    await eventually(() => expect(order).toHaveLength(3));
    expect(order[0]).toBe('on the disk');
    expect(order.slice(1).sort()).toEqual(['one', 'two']);
  });

  it('tells when the backend broke', async () => {
    await using system = await start();
    const one = await system.connect();

    one.write(simpleQuery('break'));

    await eventually(() =>
      expect(system.failures).toEqual([
        'the backend did not get ready again, as after a stack overflow',
      ]),
    );
  });

  it('answers a request for encryption with no, and drops a request to cancel', async () => {
    await using system = await start();
    const plain = connect(system.port, '127.0.0.1');
    plain.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]));
    const [answer] = (await once(plain, 'data')) as [Buffer];
    const cancelling = connect(system.port, '127.0.0.1');
    cancelling.write(Buffer.from([0, 0, 0, 16, 4, 210, 22, 46, 0, 0, 0, 1, 0, 0, 0, 1]));
    cancelling.resume();
    await once(cancelling, 'close');

    expect(answer.toString()).toBe('N');
    plain.destroy();
  });
});

/** A backend that notes what it runs: types and texts of the messages. It is in a transaction from begin to commit. */
class NotingBackend implements Backend {
  readonly ran: string[] = [];
  disk: Promise<void> | undefined;
  #isInTransaction = false;

  run(messages: Buffer): Promise<Buffer> {
    const words: string[] = [];
    for (let at = 0; at < messages.length; at += 1 + messages.readInt32BE(at + 1)) {
      const end = at + 1 + messages.readInt32BE(at + 1);
      const type = String.fromCharCode(messages[at] as number);
      const text = type === 'f' ? '' : messages.toString('utf8', at + 5, end).replaceAll('\0', '');
      words.push(text === '' ? type : `${type} ${text}`);
      if (text === 'begin') this.#isInTransaction = true;
      if (text === 'commit' || text === 'rollback') this.#isInTransaction = false;
    }
    // The search path is set for every client here; it is not what these tests look at.
    if (!words[0]?.startsWith('Q set')) this.ran.push(words.join(' '));
    return Promise.resolve(words[0] === 'Q break' ? Buffer.alloc(0) : welcome);
  }

  durable(): Promise<void> | undefined {
    return this.disk;
  }

  isInTransaction(): boolean {
    return this.#isInTransaction;
  }
}

async function start({ idleInTransactionMs = 60_000 } = {}) {
  const backend = new NotingBackend();
  const failures: string[] = [];
  const shared = new SharedBackend(backend, {
    welcome,
    idleInTransactionMs,
    fail: (error) => failures.push((error as Error).message),
  });
  const server = createServer((socket) => shared.attach(socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    shared,
    port,
    ran: backend.ran,
    backend,
    failures,
    connect: async () => {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined);
      const body = Buffer.from('\0\x03\0\0user\0u\0\0');
      const size = Buffer.alloc(4);
      size.writeInt32BE(body.length + 4);
      socket.write(Buffer.concat([size, body]));
      await once(socket, 'data');
      return socket;
    },
    [Symbol.asyncDispose]: async () => {
      server.close();
      await shared.close();
    },
  };
}

async function textOf(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(socket, 'close');
  return Buffer.concat(chunks).toString();
}
