import { DuckDBTypeId, type DuckDBValue, type DuckDBVector } from '@duckdb/node-api';
import { invalid } from '@flywheel/core';
import type { AnalyticsColumn } from './analytics.ts';
import { fromDuckDb } from './duckdb-values.ts';

const numeric: ReadonlySet<number> = new Set([
  DuckDBTypeId.BOOLEAN,
  DuckDBTypeId.TINYINT,
  DuckDBTypeId.SMALLINT,
  DuckDBTypeId.INTEGER,
  DuckDBTypeId.BIGINT,
  DuckDBTypeId.HUGEINT,
  DuckDBTypeId.UTINYINT,
  DuckDBTypeId.USMALLINT,
  DuckDBTypeId.UINTEGER,
  DuckDBTypeId.UBIGINT,
  DuckDBTypeId.UHUGEINT,
  DuckDBTypeId.FLOAT,
  DuckDBTypeId.DOUBLE,
  DuckDBTypeId.DECIMAL,
  DuckDBTypeId.TIMESTAMP,
  DuckDBTypeId.TIMESTAMP_S,
  DuckDBTypeId.TIMESTAMP_MS,
  DuckDBTypeId.TIMESTAMP_NS,
  DuckDBTypeId.TIMESTAMP_TZ,
  DuckDBTypeId.SQLNULL,
]);

/** Collects one column of a result, chunk by chunk. */
export class ColumnBuilder {
  readonly name: string;
  readonly #texts: (string | undefined)[] | undefined;
  #numbers = new Float64Array(0);
  #length = 0;

  constructor(name: string, typeId: number) {
    this.name = name;
    this.#texts = numeric.has(typeId) ? undefined : [];
  }

  append(vector: DuckDBVector): void {
    const count = vector.itemCount;
    if (this.#texts) {
      for (let row = 0; row < count; row++) this.#texts.push(textOf(vector.getItem(row)));
      return;
    }
    this.#reserve(count);
    for (let row = 0; row < count; row++)
      this.#numbers[this.#length++] = this.#numberOf(vector.getItem(row));
  }

  finish(): AnalyticsColumn {
    return this.#texts ?? this.#numbers.slice(0, this.#length);
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#numbers.length) return;
    const grown = new Float64Array(Math.max(this.#length + count, this.#numbers.length * 2));
    grown.set(this.#numbers);
    this.#numbers = grown;
  }

  #numberOf(value: DuckDBValue): number {
    if (typeof value === 'number') return value;
    if (value === null) return Number.NaN;
    if (typeof value === 'boolean') return value ? 1 : 0;
    const plain = fromDuckDb(value);
    if (typeof plain === 'number') return plain;
    if (typeof plain === 'string') return Number(plain);
    throw invalid(this.name, 'has an integer that a number would round, cast it', {
      value: String(plain),
    });
  }
}

function textOf(value: DuckDBValue): string | undefined {
  if (value === null) return undefined;
  return typeof value === 'string' ? value : String(value);
}
