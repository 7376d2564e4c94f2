import { invalid } from '@flywheel/core';
import type { JsonValue } from '../json/json-scanner.ts';
import { encodeUtf8 } from '../json/utf8.ts';
import type { Datatype } from '../tensors/datatype.ts';

/** The column type that a value of this datatype has when no MLflow signature tells. */
export function columnTypeOf(datatype: Datatype): string {
  if (datatype === 'BYTES') return 'string';
  if (datatype === 'BOOL') return 'boolean';
  if (datatype === 'FP64') return 'double';
  if (datatype === 'FP32' || datatype === 'FP16') return 'float';
  return datatype === 'INT64' || datatype === 'UINT64' ? 'long' : 'integer';
}

/** What a cell is after its column's type has been applied. */
export type CellValue = number | bigint | Uint8Array;

/**
 * A cell as its column's type has it: only what loses nothing (an integer may fill a float, never the reverse). A missing
 * value is NaN in float columns and refused elsewhere. The form of the input never decides a type.
 */
export function cellValue(
  cell: JsonValue | undefined,
  type: string,
  options: { readonly field: string; readonly isText: boolean },
): CellValue {
  const { field } = options;
  const value = options.isText ? valueOfText(cell as string, type) : cell;
  switch (type) {
    case 'boolean':
      if (typeof value === 'boolean') return value ? 1 : 0;
      throw invalid(field, 'must be true or false');
    case 'integer':
    case 'long':
      if (typeof value === 'bigint') return value;
      if (Number.isSafeInteger(value)) return value as number;
      throw invalid(field, 'must be an integer');
    case 'float':
    case 'double':
      if (value === null || value === undefined) return NaN;
      if (typeof value === 'number' || typeof value === 'bigint') return Number(value);
      throw invalid(field, 'must be a number');
    case 'string':
      return textBytes(value, field);
    case 'binary':
      return base64Bytes(value, field);
    default:
      throw invalid(field, `is a column of type ${type}, which is not scored here`);
  }
}

function textBytes(value: JsonValue | undefined, field: string): Uint8Array {
  const bytes = typeof value === 'string' ? encodeUtf8(value) : undefined;
  if (!bytes) throw invalid(field, 'must be a string');
  return bytes;
}

function base64Bytes(value: JsonValue | undefined, field: string): Uint8Array {
  if (
    typeof value !== 'string' ||
    !/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2,3}={0,2})?$/.test(value)
  )
    throw invalid(field, 'must be base64');
  return Uint8Array.from(Buffer.from(value, 'base64'));
}

const booleans: Readonly<Record<string, boolean>> = { true: true, false: false };
const longest = 20;

/** A CSV cell read the way its column's type demands; what does not fit stays text and is refused as such. */
function valueOfText(text: string, type: string): JsonValue | undefined {
  if (type === 'string' || type === 'binary') return text;
  const trimmed = text.trim();
  if (type === 'boolean') return booleans[trimmed.toLowerCase()] ?? text;
  if (type === 'integer' || type === 'long') {
    if (!/^[+-]?\d+$/.test(trimmed) || trimmed.length > longest) return text;
    const value = BigInt(trimmed.replace('+', ''));
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }
  if (trimmed === '' || /^nan$/i.test(trimmed)) return undefined;
  const isNumber = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(trimmed);
  const value = Number(trimmed);
  return isNumber && Number.isFinite(value) ? value : text;
}
