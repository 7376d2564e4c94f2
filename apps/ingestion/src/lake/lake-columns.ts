import type { ingestion } from '@flywheel/contracts';

/** Columns of the lake's own in every file. */
const ours = ['_id', '_topic', '_partition', '_offset', '_received_at'] as const;
/** Where members beyond the widest table go, as one JSON object. */
export const MORE = '_more';
const MAXIMUM_COLUMNS = 1000;

/** The columns of a file, and under which names the members of its records go into them. */
export type LakeColumns = {
  readonly columns: readonly ingestion.Column[];
  /** Column by member; members without one go into `_more`. */
  readonly names: ReadonlyMap<string, string>;
  /** Every member has a column of its own name: records need not be touched. */
  readonly isPlain: boolean;
};

/**
 * A table's names are not empty, whole text, and differ in more than case; a record's need not. A member keeps its name
 * where it can; else it gets the nearest that is free.
 */
export function lakeColumns(observed: readonly ingestion.Column[]): LakeColumns {
  const taken = new Set<string>([...ours, MORE]);
  const names = new Map<string, string>();
  const columns = observed.slice(0, MAXIMUM_COLUMNS).map((column) => {
    const name = freeName(column.name, taken);
    taken.add(name.toLowerCase());
    names.set(column.name, name);
    return { ...column, name };
  });
  if (observed.length > MAXIMUM_COLUMNS) columns.push({ name: MORE, type: 'json', nullable: true });
  return {
    columns,
    names,
    isPlain: observed.every(({ name }) => names.get(name) === name),
  };
}

function freeName(member: string, taken: ReadonlySet<string>): string {
  const name = wholeText(member).replaceAll('\u0000', '\ufffd') || 'unnamed';
  let free = name;
  for (let number = 2; taken.has(free.toLowerCase()); number++) free = `${name}_${number}`;
  return free;
}

/** Halves of characters become U+FFFD. */
export function wholeText(text: string): string {
  return Buffer.from(text).toString();
}
