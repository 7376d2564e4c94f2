import { invalid } from '@flywheel/core';
import { arrayOver, elementBytes } from '../tensors/datatype.ts';
import type { DataByDatatype, Datatype } from '../tensors/datatype.ts';
import type { Tensor } from '../tensors/tensor.ts';

/**
 * The elements of a tensor in the binary form: little-endian, no padding; a BYTES element is a 4-byte length and
 * its bytes. Copies, so that what is read is aligned and does not keep the whole body alive. `field` is the tensor's.
 */
export function decodeBinary<D extends Datatype>(
  bytes: Uint8Array,
  datatype: D,
  options: { count: number; field: string },
): DataByDatatype[D] {
  const { count, field } = options;
  if (datatype === 'BYTES')
    return decodeBytes(bytes, count, field) as readonly Uint8Array[] as DataByDatatype[D];
  const size = elementBytes(datatype);
  if (bytes.byteLength !== count * size)
    throw invalid(
      `${field}.parameters.binary_data_size`,
      `must be ${count * size}: ${count} elements of ${size} bytes`,
    );
  const data = arrayOver(datatype, copyOf(bytes), 0, count);
  if (datatype === 'BOOL') checkBooleans(data as Uint8Array, field);
  return data as DataByDatatype[D];
}

/** Says it back: the bytes of the tensor in the binary form, without copying where memory already has that form. */
export function encodeBinary(tensor: Tensor): Uint8Array {
  if (tensor.datatype !== 'BYTES') {
    const { buffer, byteOffset, byteLength } = tensor.data;
    return new Uint8Array(buffer, byteOffset, byteLength);
  }
  const total = tensor.data.reduce((sum, element) => sum + 4 + element.byteLength, 0);
  const bytes = new Uint8Array(total);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const element of tensor.data) {
    view.setUint32(at, element.byteLength, true);
    bytes.set(element, at + 4);
    at += 4 + element.byteLength;
  }
  return bytes;
}

function decodeBytes(bytes: Uint8Array, count: number, field: string): Uint8Array[] {
  const data: Uint8Array[] = [];
  const copy = new Uint8Array(copyOf(bytes));
  const view = new DataView(copy.buffer);
  let at = 0;
  while (at < bytes.byteLength) {
    const element = `${field}.data[${data.length}]`;
    if (data.length === count) throw invalid(`${field}.data`, `must hold ${count} elements`);
    if (at + 4 > bytes.byteLength) throw invalid(element, 'must begin with a length of 4 bytes');
    const length = view.getUint32(at, true);
    at += 4;
    if (length > bytes.byteLength - at)
      throw invalid(element, `must not be longer than the ${bytes.byteLength - at} bytes left`);
    data.push(copy.subarray(at, at + length));
    at += length;
  }
  if (data.length !== count) throw invalid(`${field}.data`, `must hold ${count} elements`);
  return data;
}

function copyOf(bytes: Uint8Array): ArrayBuffer {
  const copy = new Uint8Array(bytes.byteLength);
  copy.set(bytes);
  return copy.buffer;
}

function checkBooleans(data: Uint8Array, field: string): void {
  const wrong = data.findIndex((value) => value > 1);
  if (wrong >= 0) throw invalid(`${field}.data[${wrong}]`, 'must be 0 or 1');
}
