import { connect, createServer } from 'node:net';

/** True when something could listen on this loopback port now. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => {
      resolve(false);
    });
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      probe.close(() => {
        resolve(true);
      });
    });
  });
}

/** Sends bytes to a loopback port and gives the answer once `complete` says that all of it is there. */
export function exchange(
  port: number,
  request: Uint8Array,
  complete: (answer: Buffer) => boolean,
  withinMs = 5000,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let answer = Buffer.alloc(0);
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write(request));
    socket.setTimeout(withinMs, () => socket.destroy(new Error('no answer in time')));
    socket.on('data', (chunk: Buffer) => {
      answer = Buffer.concat([answer, chunk]);
      if (!complete(answer)) return;
      resolve(answer);
      socket.destroy();
    });
    socket.on('error', reject);
    socket.on('close', () => {
      reject(new Error('the connection was closed without an answer'));
    });
  });
}
