import { createServer, type AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { countBrokers, fetchGroupOffsets, frame, takeProducerId } from './kafka-wire.ts';

/** A port that answers each request with the next of these bodies (hexadecimal), split in two writes. */
async function broker(...bodies: readonly string[]) {
  const left = [...bodies];
  const requests: Buffer[] = [];
  const server = createServer((socket) => {
    socket.on('data', (request: Buffer) => {
      requests.push(request);
      const answer = Buffer.from(`00000001${left.shift() ?? ''}`, 'hex');
      const length = Buffer.alloc(4);
      length.writeInt32BE(answer.length);
      socket.write(length.subarray(0, 2));
      socket.write(Buffer.concat([length.subarray(2), answer]));
    });
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) =>
        server.close(() => {
          resolve();
        }),
      ),
  };
}

describe('the questions that tell whether a broker is ready', () => {
  test('a request has length, key, version, correlation id and client id', () => {
    expect(frame(3, 4, Buffer.from('0000000000', 'hex')).toString('hex')).toBe(
      `0000001f00030004000000010010${Buffer.from('flywheel-servers').toString('hex')}0000000000`,
    );
  });

  test('brokers are counted from the metadata', async () => {
    await using none = await broker('0000000000000000ffff0000000100000000');
    await using one = await broker(
      '00000000' +
        '00000001' +
        '00000001' +
        '0003' +
        '612e62' +
        '00002384' +
        'ffff' +
        'ffff' +
        '00000001' +
        '00000000',
    );

    expect(await countBrokers(none.port)).toBe(0);
    expect(await countBrokers(one.port)).toBe(1);
  });

  test('a coordinator that is still loading is not ready', async () => {
    await using loading = await broker('000f00000000ffff00000000');
    await using behind = await broker('00000000000100036162630000238400', '00000000000e');
    await using ready = await broker('00000000000100036162630000238400', '000000000000');

    await expect(fetchGroupOffsets(loading.port)).rejects.toThrow(
      'FindCoordinator answers error code 15',
    );
    await expect(fetchGroupOffsets(behind.port)).rejects.toThrow(
      'OffsetFetch answers error code 14',
    );
    await expect(fetchGroupOffsets(ready.port)).resolves.toBeUndefined();
  });

  test('a broker without producer ids is not ready', async () => {
    await using loading = await broker('00000000000effffffffffffffffffff');
    await using ready = await broker('00000000000000000000000000070000');

    await expect(takeProducerId(loading.port)).rejects.toThrow(
      'InitProducerId answers error code 14',
    );
    await expect(takeProducerId(ready.port)).resolves.toBeUndefined();
  });

  test('a port where nothing listens is an error, not a wait', async () => {
    const gone = await broker();
    await gone[Symbol.asyncDispose]();

    await expect(countBrokers(gone.port)).rejects.toThrow('ECONNREFUSED');
  });
});
