import { invalid } from '@flywheel/core';
import type { JsonObject, JsonValue } from '../json/json-scanner.ts';
import { parseCsv } from './csv.ts';

/** Rows of cells, as a data frame has them. */
export type Frame = {
  /** Absent when the sender named no columns. */
  readonly columns?: readonly string[];
  readonly rows: number;
  /** How many columns every row has. */
  readonly width: number;
  /** `undefined` for a cell that was not given. */
  readonly cell: (row: number, column: number) => JsonValue | undefined;
  /** Where the caller wrote a cell. */
  readonly field: (row: number, column: number) => string;
  /** CSV: every cell is text, and only the signature tells what it means. */
  readonly isText: boolean;
};

/** `{"columns": […], "data": [[…]…]}`; an index is passed over. */
export function frameOfSplit(value: JsonValue, field: string): Frame {
  const { columns, data } = objectOf(value, field);
  const names = columns === undefined ? undefined : namesOf(columns, `${field}.columns`);
  const frame = frameOfLists(rowsOf(data, `${field}.data`, names?.length), `${field}.data`);
  return names ? { ...frame, columns: names, width: names.length } : frame;
}

/** `[[1, 2], …]`: rows whose columns go by position. */
export function frameOfRows(value: JsonValue, field: string): Frame {
  return frameOfLists(rowsOf(value, field, undefined), field);
}

/** `[{"a": 1}, …]`: the columns are those that any row names. */
export function frameOfRecords(value: JsonValue, field: string): Frame {
  const records = listOf(value, field).map((entry, row) => objectOf(entry, `${field}[${row}]`));
  const columns = [...new Set(records.flatMap((record) => Object.keys(record)))];
  return {
    columns,
    rows: records.length,
    width: columns.length,
    cell: (row, column) => records[row]?.[columns[column] as string],
    field: (row, column) => `${field}[${row}].${String(columns[column])}`,
    isText: false,
  };
}

/** `{"a": [1, 2], …}`: a list per column, all of one length. */
export function frameOfColumns(value: JsonValue, field: string): Frame {
  const entries = Object.entries(objectOf(value, field));
  const columns = entries.map(([name]) => name);
  const lists = entries.map(([name, list]) => listOf(list, `${field}.${name}`));
  const rows = lists[0]?.length ?? 0;
  lists.forEach((list, column) => {
    const path = `${field}.${String(columns[column])}`;
    if (list.length !== rows) throw invalid(path, `must hold ${rows} values as the others do`);
  });
  return {
    columns,
    rows,
    width: columns.length,
    cell: (row, column) => lists[column]?.[row],
    field: (row, column) => `${field}.${String(columns[column])}[${row}]`,
    isText: false,
  };
}

/** The first line names the columns. */
export function frameOfCsv(text: string): Frame {
  const [header, ...rows] = parseCsv(text);
  if (!header) throw invalid('body', 'must begin with a line of column names');
  const columns = namesOf(header, 'csv[0]');
  rows.forEach((row, index) => {
    if (row.length !== columns.length)
      throw invalid(`csv[${index + 1}]`, `must have ${columns.length} cells as the first line has`);
  });
  return {
    columns,
    rows: rows.length,
    width: columns.length,
    cell: (row, column) => rows[row]?.[column],
    field: (row, column) => `csv[${row + 1}].${String(columns[column])}`,
    isText: true,
  };
}

export function objectOf(value: JsonValue | undefined, field: string): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(field, 'must be an object');
  return value as JsonObject;
}

function frameOfLists(rows: readonly (readonly JsonValue[])[], field: string): Frame {
  return {
    rows: rows.length,
    width: rows[0]?.length ?? 0,
    cell: (row, column) => rows[row]?.[column],
    field: (row, column) => `${field}[${row}][${column}]`,
    isText: false,
  };
}

function listOf(value: JsonValue | undefined, field: string): readonly JsonValue[] {
  if (!Array.isArray(value)) throw invalid(field, 'must be a list');
  return value as readonly JsonValue[];
}

function rowsOf(
  value: JsonValue | undefined,
  field: string,
  width: number | undefined,
): readonly (readonly JsonValue[])[] {
  const rows = listOf(value, field).map((row, index) => listOf(row, `${field}[${index}]`));
  const expected = width ?? rows[0]?.length ?? 0;
  rows.forEach((row, index) => {
    if (row.length !== expected)
      throw invalid(`${field}[${index}]`, `must hold ${expected} values`);
  });
  return rows;
}

function namesOf(value: JsonValue, field: string): readonly string[] {
  const seen = new Set<string>();
  return listOf(value, field).map((entry, index) => {
    if (typeof entry !== 'string' && typeof entry !== 'number')
      throw invalid(`${field}[${index}]`, 'must be a string');
    const name = String(entry);
    if (seen.has(name)) throw invalid(`${field}[${index}]`, 'must not name a column twice');
    seen.add(name);
    return name;
  });
}
