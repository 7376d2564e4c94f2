/** A field of a message under construction: number and value. Nested messages are lists of fields. */
export type FieldValue = number | bigint | string | Uint8Array | readonly Field[];
export type Field = readonly [number: number, value: FieldValue];

/** The bytes of a protobuf message: numbers as varints, the rest length-delimited. */
export function protobufMessage(fields: readonly Field[]): Uint8Array {
  return Buffer.concat(
    fields.map(([number, value]) => {
      if (typeof value === 'number' || typeof value === 'bigint')
        return Buffer.concat([varint(number << 3), varint(value)]);
      const bytes = bytesOf(value);
      return Buffer.concat([varint((number << 3) | 2), varint(bytes.byteLength), bytes]);
    }),
  );
}

/** A float field, which has a fixed size. */
export function floatBytes(values: readonly number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer);
}

function bytesOf(value: string | Uint8Array | readonly Field[]): Uint8Array {
  if (typeof value === 'string') return Buffer.from(value, 'utf8');
  if (value instanceof Uint8Array) return value;
  return protobufMessage(value);
}

function varint(value: number | bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest > 0n ? low | 0x80 : low);
  } while (rest > 0n);
  return Uint8Array.from(bytes);
}
