import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { HttpConnection, postRequest } from './http-connection.ts';

/** Answers each request with the next of these texts, written as they are, byte after byte. */
async function serve(answers: readonly string[]) {
  let next = 0;
  const server = createServer((socket) => {
    socket.setNoDelay(true);
    socket.on('data', () => {
      for (const byte of Buffer.from(answers[next++] ?? '')) socket.write(Buffer.of(byte));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/x`);
  return { url, [Symbol.dispose]: () => void server.close() };
}

test('answers that come in pieces are read one after the other on one connection', async () => {
  using server = await serve([
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
    'HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain\r\ncontent-length: 3\r\n\r\nß!',
  ]);
  using connection = await HttpConnection.open(server.url);
  const request = postRequest(server.url, '{}');

  expect(await connection.send(request)).toEqual({ status: 200, body: 'hello' });
  expect(await connection.send(request)).toEqual({ status: 503, body: 'ß!' });
});

test('an answer that does not tell its length is an error', async () => {
  using server = await serve(['HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n']);
  using connection = await HttpConnection.open(server.url);

  await expect(connection.send(postRequest(server.url, '{}'))).rejects.toThrow('its length');
});
