/**
 * How both adapters store a value: sixteen bytes in front hold its order. The first is 1 with an order and 0 without;
 * the eight after it are the order, biased so that unsigned comparison of the bytes compares the numbers; the rest makes
 * a value that is read begin at an address where numbers may lie.
 */
export const orderBytes = 16;
const bias = 1n << 63n;

export function packValue(value: Uint8Array, order: bigint | undefined): Buffer {
  const packed = Buffer.allocUnsafe(orderBytes + value.length);
  packed.fill(0, 0, orderBytes);
  packed.writeUInt8(order === undefined ? 0 : 1, 0);
  packed.writeBigUInt64BE(order === undefined ? 0n : order + bias, 1);
  packed.set(value, orderBytes);
  return packed;
}

/** The value's own bytes, without copying. */
export function unpackValue(packed: Buffer): Uint8Array {
  return new Uint8Array(packed.buffer, packed.byteOffset + orderBytes, packed.length - orderBytes);
}

/** Whether an entry with `order` may replace what is stored. */
export function mayReplace(stored: Buffer | undefined, order: bigint | undefined): boolean {
  if (stored === undefined || order === undefined || stored[0] === 0) return true;
  return stored.readBigUInt64BE(1) <= order + bias;
}
