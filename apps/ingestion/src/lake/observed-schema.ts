import type { ingestion } from '@flywheel/contracts';

type ColumnType = ingestion.Column['type'];

/** From what holds least to what holds most; two types that meet become the wider. */
const numeric: readonly ColumnType[] = ['int64', 'double'];

/** Columns seen in records: the union of their names, each with the narrowest type that holds every value. */
export class ObservedSchema {
  readonly #columns = new Map<string, { type: ColumnType | undefined; seen: number }>();
  #records = 0;

  observe(record: Readonly<Record<string, unknown>>): void {
    this.#records++;
    for (const name in record) {
      const value = record[name];
      const column = this.#columns.get(name);
      if (!column) this.#columns.set(name, { type: typeOf(value), seen: value === null ? 0 : 1 });
      else if (value !== null) {
        column.seen++;
        column.type = widen(column.type, typeOf(value));
      }
    }
  }

  /** A column of nothing but nulls is text until a value shows what it is. */
  columns(): ingestion.Column[] {
    return [...this.#columns].map(([name, { type, seen }]) => ({
      name,
      type: type ?? 'string',
      nullable: seen < this.#records,
    }));
  }
}

function typeOf(value: unknown): ColumnType | undefined {
  switch (typeof value) {
    case 'boolean':
      return 'boolean';
    case 'number':
      // A number too long or too large for a double is not that number any more; the text of the record still has it.
      if (!Number.isFinite(value)) return 'string';
      if (!Number.isInteger(value)) return 'double';
      return Number.isSafeInteger(value) ? 'int64' : 'string';
    case 'string':
      return 'string';
    case 'object':
      return value === null ? undefined : 'json';
    default:
      return 'string';
  }
}

/** A conflict (a number here, text there) becomes text, never a failure. */
export function widen(
  left: ColumnType | undefined,
  right: ColumnType | undefined,
): ColumnType | undefined {
  if (left === undefined || left === right) return right;
  if (right === undefined) return left;
  if (numeric.includes(left) && numeric.includes(right)) return 'double';
  return 'string';
}

/** The schema of a dataset from the schemas of its files, whatever their order. */
export function uniteColumns(
  schemas: readonly (readonly ingestion.Column[])[],
): ingestion.Column[] {
  const united = new Map<string, ingestion.Column & { files: number }>();
  for (const columns of schemas)
    for (const column of columns) {
      const known = united.get(column.name);
      if (!known) united.set(column.name, { ...column, files: 1 });
      else
        united.set(column.name, {
          name: column.name,
          type: widen(known.type, column.type) ?? 'string',
          nullable: known.nullable || column.nullable,
          files: known.files + 1,
        });
    }
  return [...united.values()].map(({ files, ...column }) => ({
    ...column,
    nullable: column.nullable || files < schemas.length,
  }));
}
