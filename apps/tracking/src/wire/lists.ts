/** Rows by what they belong to, each group in the order of the rows. */
export function groupBy<Row, Key>(rows: readonly Row[], keyOf: (row: Row) => Key): Map<Key, Row[]> {
  const groups = new Map<Key, Row[]>();
  for (const row of rows) {
    const key = keyOf(row);
    const group = groups.get(key);
    if (group) group.push(row);
    else groups.set(key, [row]);
  }
  return groups;
}

/** A list as a member of an answer, which leaves empty lists out. */
export function listed<Name extends string, Item>(
  name: Name,
  items: readonly Item[] | undefined,
): Partial<Record<Name, readonly Item[]>> {
  return items === undefined || items.length === 0
    ? {}
    : ({ [name]: items } as unknown as Record<Name, readonly Item[]>); // a computed name loses its type
}
