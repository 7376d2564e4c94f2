import type { ingestion } from '@flywheel/contracts';
import { sqlName, sqlText } from '@flywheel/storage';
import { INSTANT_FORM, MAXIMUM_MS } from '../vectors/instants.ts';
import { NUMBER_FORM } from '../vectors/numbers.ts';

/** A column of a snapshot, as SQL reads it. */
export type SnapshotColumn = Pick<ingestion.Column, 'name' | 'type'>;

/** Milliseconds since the epoch, as `instantMs` reads them. */
export function instantSql({ name, type }: SnapshotColumn): string {
  const column = sqlName(name);
  switch (type) {
    case 'int64':
    case 'double':
      return `case when ${column} between -${MAXIMUM_MS} and ${MAXIMUM_MS} then floor(${column})::bigint end`;
    case 'timestamp':
      return floorMs(`epoch_us(${column})`);
    case 'boolean':
      return 'null::bigint';
    case 'string':
    case 'json':
      return `case when regexp_full_match(${column}, ${sqlText(INSTANT_FORM)}) then ${floorMs(`epoch_us(try_cast(${column} as timestamptz))`)} end`;
  }
}

/** Whole milliseconds, the earlier ones: division alone cuts towards 1970. */
function floorMs(microseconds: string): string {
  return `(${microseconds} - (${microseconds} % 1000 + 1000) % 1000) // 1000`;
}

/** A finite double or null, as `numberOf` reads it. */
export function numberSql({ name, type }: SnapshotColumn): string {
  const column = sqlName(name);
  switch (type) {
    case 'double':
      return finite(column);
    case 'int64':
    case 'boolean':
      return `${column}::double`;
    case 'timestamp':
      return 'null::double';
    case 'string':
    case 'json':
      return finite(
        `case when regexp_full_match(${column}, ${sqlText(NUMBER_FORM)}) then try_cast(${column} as double) end`,
      );
  }
}

function finite(number: string): string {
  return `case when isfinite(${number}) then ${number} end`;
}

/** A part of an entity's key: whole numbers have no fraction, however they are stored. */
export function keyPartSql({ name, type }: SnapshotColumn): string {
  const column = sqlName(name);
  if (type !== 'double') return `${column}::varchar`;
  return `case when ${column} = floor(${column}) and abs(${column}) < 1e15 then ${column}::bigint::varchar else ${column}::varchar end`;
}
