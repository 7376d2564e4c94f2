/** What each datatype of the Open Inference Protocol is held in, row-major. */
export type DataByDatatype = {
  /** 0 or 1 each. */
  readonly BOOL: Uint8Array;
  readonly UINT8: Uint8Array;
  readonly UINT16: Uint16Array;
  readonly UINT32: Uint32Array;
  readonly UINT64: BigUint64Array;
  readonly INT8: Int8Array;
  readonly INT16: Int16Array;
  readonly INT32: Int32Array;
  readonly INT64: BigInt64Array;
  /** The 16 bits of IEEE 754 binary16; `float16ToNumber` reads them. */
  readonly FP16: Uint16Array;
  readonly FP32: Float32Array;
  readonly FP64: Float64Array;
  /** The exact bytes of each element; in JSON they are UTF-8 strings. */
  readonly BYTES: readonly Uint8Array[];
};

export type Datatype = keyof DataByDatatype;
export type FixedDatatype = Exclude<Datatype, 'BYTES'>;
export type FixedArray = DataByDatatype[FixedDatatype];

type FixedArrayConstructor = {
  readonly BYTES_PER_ELEMENT: number;
  new (length: number): FixedArray;
  new (buffer: ArrayBuffer, byteOffset: number, length: number): FixedArray;
};

const constructors: Readonly<Record<FixedDatatype, FixedArrayConstructor>> = {
  BOOL: Uint8Array,
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  UINT64: BigUint64Array,
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
  INT64: BigInt64Array,
  FP16: Uint16Array,
  FP32: Float32Array,
  FP64: Float64Array,
};

export const datatypes: readonly Datatype[] = [
  ...(Object.keys(constructors) as FixedDatatype[]),
  'BYTES',
];

const known: ReadonlySet<string> = new Set(datatypes);

export function isDatatype(name: string): name is Datatype {
  return known.has(name);
}

/** Bytes of one element in the binary form; BYTES has no fixed size. */
export function elementBytes(datatype: FixedDatatype): number {
  return constructors[datatype].BYTES_PER_ELEMENT;
}

/** Zeroes in the array that holds `datatype`. */
export function newArray<D extends FixedDatatype>(datatype: D, length: number): DataByDatatype[D] {
  return new constructors[datatype](length) as DataByDatatype[D];
}

/** The bytes of `buffer` seen as `datatype`; the offset must be a multiple of the element's size. */
export function arrayOver<D extends FixedDatatype>(
  datatype: D,
  buffer: ArrayBuffer,
  byteOffset: number,
  length: number,
): DataByDatatype[D] {
  return new constructors[datatype](buffer, byteOffset, length) as DataByDatatype[D];
}
