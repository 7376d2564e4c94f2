/** One field of a protobuf message: its number, and a varint or the bytes of a length-delimited value. */
export type ProtobufField = {
  readonly number: number;
  readonly varint: bigint;
  readonly bytes: Uint8Array;
};

const nothing = new Uint8Array(0);

/**
 * The fields of a protobuf message in the order they stand. Fixed-size fields are passed over, as nothing read here has
 * them. Throws a RangeError where the bytes are no message.
 */
export function* protobufFields(message: Uint8Array): Generator<ProtobufField> {
  const cursor = { message, at: 0 };
  while (cursor.at < message.byteLength) {
    const tag = readVarint(cursor);
    const number = Number(tag >> 3n);
    const wireType = Number(tag & 7n);
    if (number === 0) throw new RangeError('a field has the number 0');
    if (wireType === 0) yield { number, varint: readVarint(cursor), bytes: nothing };
    else if (wireType === 2) {
      const length = Number(readVarint(cursor));
      yield { number, varint: 0n, bytes: readBytes(cursor, length) };
    } else if (wireType === 1) readBytes(cursor, 8);
    else if (wireType === 5) readBytes(cursor, 4);
    else throw new RangeError('a field has an unknown wire type');
  }
}

type Cursor = { readonly message: Uint8Array; at: number };

function readVarint(cursor: Cursor): bigint {
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = cursor.message[cursor.at++];
    if (byte === undefined) throw new RangeError('a number is cut short');
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return BigInt.asUintN(64, value);
  }
  throw new RangeError('a number is too long');
}

function readBytes(cursor: Cursor, length: number): Uint8Array {
  const end = cursor.at + length;
  if (end > cursor.message.byteLength) throw new RangeError('a field is cut short');
  const bytes = cursor.message.subarray(cursor.at, end);
  cursor.at = end;
  return bytes;
}
