import type { JsonScanner } from '../json/json-scanner.ts';
import { encodeUtf8 } from '../json/utf8.ts';
import type { DataByDatatype, Datatype } from '../tensors/datatype.ts';

type JsonDatatype = Exclude<Datatype, 'FP16'>;

/** What elements are read into: an array of the right length, or a list that grows for BYTES. */
export type Elements = Exclude<DataByDatatype[Datatype], readonly Uint8Array[]> | Uint8Array[];

type Read = (scanner: JsonScanner, data: Elements, index: number) => boolean;

const ranges = {
  UINT8: [0, 255],
  UINT16: [0, 65_535],
  UINT32: [0, 4_294_967_295],
  INT8: [-128, 127],
  INT16: [-32_768, 32_767],
  INT32: [-2_147_483_648, 2_147_483_647],
} as const;

const bigRanges = {
  UINT64: [0n, 18_446_744_073_709_551_615n],
  INT64: [-9_223_372_036_854_775_808n, 9_223_372_036_854_775_807n],
} as const;

/** Reads the next value as the element at `index`; false when it is not exactly a value of the datatype. */
export const readElement: Readonly<Record<JsonDatatype, Read>> = {
  FP32: (scanner, data, index) => {
    if (!scanner.isNumber()) return false;
    const value = scanner.float32();
    (data as Float32Array)[index] = value;
    return value - value === 0;
  },
  FP64: (scanner, data, index) => {
    if (!scanner.isNumber()) return false;
    const value = scanner.float64();
    (data as Float64Array)[index] = value;
    return value - value === 0;
  },
  UINT8: integers(ranges.UINT8),
  UINT16: integers(ranges.UINT16),
  UINT32: integers(ranges.UINT32),
  INT8: integers(ranges.INT8),
  INT16: integers(ranges.INT16),
  INT32: integers(ranges.INT32),
  UINT64: bigIntegers(bigRanges.UINT64),
  INT64: bigIntegers(bigRanges.INT64),
  BOOL: (scanner, data, index) => {
    const code = scanner.peek();
    if (code !== 0x74 && code !== 0x66) return false;
    (data as Uint8Array)[index] = scanner.boolean() ? 1 : 0;
    return true;
  },
  BYTES: (scanner, data) => {
    if (scanner.peek() !== 0x22) return false;
    const bytes = encodeUtf8(scanner.string());
    if (!bytes) return false;
    (data as Uint8Array[]).push(bytes);
    return true;
  },
};

/** What an element must be. */
export const elementRules: Readonly<Record<JsonDatatype, string>> = {
  FP32: 'must be a number within the range of FP32',
  FP64: 'must be a number within the range of FP64',
  UINT8: integerRule(ranges.UINT8),
  UINT16: integerRule(ranges.UINT16),
  UINT32: integerRule(ranges.UINT32),
  INT8: integerRule(ranges.INT8),
  INT16: integerRule(ranges.INT16),
  INT32: integerRule(ranges.INT32),
  UINT64: integerRule(bigRanges.UINT64),
  INT64: integerRule(bigRanges.INT64),
  BOOL: 'must be true or false',
  BYTES: 'must be a string that UTF-8 can say',
};

function integerRule([lowest, highest]: readonly [number | bigint, number | bigint]): string {
  return `must be an integer from ${lowest.toString()} to ${highest.toString()}`;
}

function integers([lowest, highest]: readonly [number, number]): Read {
  return (scanner, data, index) => {
    const value = scanner.isNumber() ? scanner.safeInteger() : undefined;
    if (value === undefined || value < lowest || value > highest) return false;
    (data as Int32Array)[index] = value;
    return true;
  };
}

function bigIntegers([lowest, highest]: readonly [bigint, bigint]): Read {
  return (scanner, data, index) => {
    const value = scanner.isNumber() ? scanner.bigInteger() : undefined;
    if (value === undefined || value < lowest || value > highest) return false;
    (data as BigInt64Array)[index] = value;
    return true;
  };
}
