import { describe, expect, it } from 'vitest';
import { ProtobufWriter } from './protobuf-writer.ts';

const hex = (writer: ProtobufWriter) => Buffer.from(writer.finish()).toString('hex');

describe('protobuf writer', () => {
  it('writes the examples of the encoding guide', () => {
    expect(hex(new ProtobufWriter().int(1, 150))).toBe('089601');
    expect(hex(new ProtobufWriter().string(2, 'testing'))).toBe('120774657374696e67');
    expect(hex(new ProtobufWriter().message(3, new ProtobufWriter().int(1, 150)))).toBe(
      '1a03089601',
    );
    expect(hex(new ProtobufWriter().packedInts(6, [3, 270, 86942]))).toBe('3206038e029ea705');
  });

  it('writes negative numbers in ten bytes and large ones in full', () => {
    expect(hex(new ProtobufWriter().int(1, -1))).toBe('08ffffffffffffffffff01');
    expect(hex(new ProtobufWriter().int(1, Number.MAX_SAFE_INTEGER))).toBe('08ffffffffffffff0f');
    expect(hex(new ProtobufWriter().int(16, 0))).toBe('800100');
  });

  it('writes floats in little-endian order', () => {
    expect(hex(new ProtobufWriter().float(2, 1.5))).toBe('150000c03f');
    expect(hex(new ProtobufWriter().packedFloats(7, [1, Infinity]))).toBe('3a080000803f0000807f');
  });

  it('grows with its content', () => {
    const writer = new ProtobufWriter().bytes(1, new Uint8Array(100_000).fill(7));

    expect(writer.finish()).toHaveLength(100_004);
  });
});
