/** A decoded message: per field number the values in order, numbers as bigint and nested content as bytes. */
export type DecodedFields = ReadonlyMap<number, readonly (bigint | Uint8Array)[]>;

/** Decodes one level of a protobuf message, knowing nothing of its schema. */
export function decodeFields(bytes: Uint8Array): DecodedFields {
  const fields = new Map<number, (bigint | Uint8Array)[]>();
  let position = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[position++];
      if (byte === undefined) throw new Error('message is cut short');
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  while (position < bytes.length) {
    const tag = Number(varint());
    const values = fields.get(tag >>> 3) ?? [];
    fields.set(tag >>> 3, values);
    if ((tag & 7) === 0) values.push(varint());
    else if ((tag & 7) === 2) {
      const length = Number(varint());
      if (position + length > bytes.length) throw new Error('message is cut short');
      values.push(bytes.subarray(position, (position += length)));
    } else if ((tag & 7) === 5) values.push(bytes.subarray(position, (position += 4)));
    else throw new Error(`wire type ${tag & 7} is not used by ONNX files`);
  }
  return fields;
}

/** A field's values as text. */
export function textsOf(fields: DecodedFields, field: number): string[] {
  return (fields.get(field) ?? []).map((value) => new TextDecoder().decode(value as Uint8Array));
}

/** A field's values as messages. */
export function messagesOf(fields: DecodedFields, field: number): DecodedFields[] {
  return (fields.get(field) ?? []).map((value) => decodeFields(value as Uint8Array));
}
