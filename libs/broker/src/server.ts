import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { AppError } from '@flywheel/core';
import type { Logger } from '@flywheel/core';
import { Connection } from './connection.ts';
import type { ConnectionLimits } from './connection.ts';
import { codeOf } from './log/disk.ts';
import type { AnyApi } from './protocol/api.ts';

/** Listens and gives every client its connection. */
export class KafkaServer implements AsyncDisposable {
  readonly port: number;
  readonly #server: Server;
  readonly #connections: Set<Connection>;

  private constructor(server: Server, connections: Set<Connection>, port: number) {
    this.#server = server;
    this.#connections = connections;
    this.port = port;
  }

  /** Throws `conflict` when the port is taken. */
  static async listen(
    address: { host: string; port: number },
    apis: ReadonlyMap<number, AnyApi>,
    limits: ConnectionLimits,
    log: Logger,
  ): Promise<KafkaServer> {
    const connections = new Set<Connection>();
    const server = createServer((socket) => {
      const connection = new Connection(socket, apis, limits, log);
      connections.add(connection);
      socket.on('close', () => connections.delete(connection));
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => reject(startError(error, address)));
      server.listen(address.port, address.host, () => resolve());
    });
    server.on('error', (error) => log.error({ err: error }, 'listener failed'));
    const bound = server.address();
    const port = typeof bound === 'object' && bound ? bound.port : address.port;
    return new KafkaServer(server, connections, port);
  }

  /** Accepts nobody any longer, answers what was asked, closes. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    await Promise.all([...this.#connections].map((connection) => connection.end()));
    await closed;
  }
}

function startError(error: Error, { host, port }: { host: string; port: number }): AppError {
  if (codeOf(error) === 'EADDRINUSE')
    return new AppError('conflict', 'port is already in use', {
      details: { port, host },
      cause: error,
    });
  return new AppError('unavailable', 'cannot listen on this address', {
    details: { port, host, reason: codeOf(error) },
    cause: error,
  });
}
