import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  MessageReader,
  endsWithReady,
  lastParameterStatus,
  message,
  renameStatement,
  rowsOfSimpleQuery,
  simpleQuery,
  sync,
  withoutMessages,
} from './postgres-wire.ts';

describe('the reader of messages', () => {
  it('gives the same messages however the stream is cut (property)', () => {
    const bodies = fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(bodies, fc.array(fc.nat(), { maxLength: 20 }), (given, cuts) => {
        const messages = given.map((body) => message('X', Buffer.from(body)));
        const stream = Buffer.concat(messages);
        const places = [0, ...cuts.map((cut) => cut % stream.length), stream.length].sort(
          (a, b) => a - b,
        );
        const reader = new MessageReader();
        const found: Buffer[] = [];

        for (let index = 1; index < places.length; index++) {
          reader.push(stream.subarray(places[index - 1], places[index]));
          for (let next = reader.takeMessage(); next; next = reader.takeMessage()) found.push(next);
        }

        expect(found).toEqual(messages);
      }),
    );
  });

  it('reads what a client asks for when it begins', () => {
    const reader = new MessageReader();
    const body = Buffer.from('\0\x03\0\x02user\0me\0options\0-c search_path=x\0\0');
    const size = Buffer.alloc(4);
    size.writeInt32BE(body.length + 4);
    reader.push(size);
    expect(reader.takeOpening()).toBeUndefined();
    reader.push(body);

    expect(reader.takeOpening()).toEqual({
      kind: 'startup',
      minorVersion: 2,
      parameters: new Map([
        ['user', 'me'],
        ['options', '-c search_path=x'],
      ]),
    });
  });

  it.each([
    Buffer.from('GET / HTTP/1.1\r\n'),
    Buffer.alloc(8),
    Buffer.from([0, 0, 0, 8, 0, 2, 0, 0]),
  ])('refuses %j, which is no PostgreSQL', (noise) => {
    const reader = new MessageReader();
    reader.push(noise);

    expect(() => reader.takeOpening()).toThrow();
  });
});

describe('a prepared statement', () => {
  const rename = (name: string) => `c7_${name}`;

  it('is renamed where it is named, and only there', () => {
    const cases: [Buffer, Buffer][] = [
      [
        message('P', 's', 'select $1', Buffer.alloc(2)),
        message('P', 'c7_s', 'select $1', Buffer.alloc(2)),
      ],
      [
        message('B', 'portal', 's', Buffer.alloc(6)),
        message('B', 'portal', 'c7_s', Buffer.alloc(6)),
      ],
      [message('D', Buffer.from('S'), 's'), message('D', Buffer.from('S'), 'c7_s')],
      [message('C', Buffer.from('S'), 's'), message('C', Buffer.from('S'), 'c7_s')],
    ];

    for (const [given, renamed] of cases)
      expect(renameStatement(given, rename)).toEqual({ bytes: renamed, name: 'c7_s' });
  });

  it('without a name stays as it is, like every other message', () => {
    for (const given of [
      message('P', '', 'select 1', Buffer.alloc(2)),
      message('B', 'portal', '', Buffer.alloc(6)),
      message('D', Buffer.from('P'), 'portal'),
      message('E', 'portal', Buffer.alloc(4)),
      simpleQuery('select 1'),
      sync,
    ])
      expect(renameStatement(given, rename)).toEqual({ bytes: given });
  });
});

describe('the answers of a server', () => {
  const status = (name: string, value: string) => message('S', name, value);
  const ready = message('Z', Buffer.from('I'));
  const row = (text: string) =>
    message('D', Buffer.from([0, 1, 0, 0, 0, text.length]), Buffer.from(text));

  it('tell the last value of a parameter, the rows, and whether it is ready', () => {
    const output = Buffer.concat([
      status('a', '1'),
      row('x'),
      status('b', '2'),
      row('yz'),
      status('a', '3'),
      ready,
    ]);

    expect(lastParameterStatus(output, 'a')).toBe('3');
    expect(lastParameterStatus(output, 'c')).toBeUndefined();
    expect(rowsOfSimpleQuery(output)).toEqual(['x', 'yz']);
    expect(endsWithReady(output)).toBe(true);
    expect(endsWithReady(output.subarray(0, -6))).toBe(false);
    expect(withoutMessages(output, 0x44)).toEqual(
      Buffer.concat([status('a', '1'), status('b', '2'), status('a', '3'), ready]),
    );
    expect(withoutMessages(output, 0x47)).toBe(output);
  });
});
