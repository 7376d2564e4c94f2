import type { Sql, SqlRow } from '@flywheel/storage';

const PAGE = 5000;

/** Reads rows page by page in the order of (time, prediction): memory stays flat, and the order is the same each time. */
export async function* scan<Row extends SqlRow & { at_ms: string; prediction: string }>(
  sql: Sql,
  query: {
    columns: string;
    from: string;
    where: string;
    time: string;
    id: string;
    values: readonly unknown[];
  },
): AsyncGenerator<Row[]> {
  let after: [string, string] = ['-9000000000000000', ''];
  for (;;) {
    const next = query.values.length + 1;
    const rows = await sql.query<Row>(
      `select ${query.columns}, ${query.time}::text as at_ms, ${query.id} as prediction from ${query.from}
       where ${query.where} and (${query.time}, ${query.id}) > ($${next}::bigint, $${next + 1}::text)
       order by ${query.time}, ${query.id} limit ${PAGE}`,
      [...query.values, ...after],
    );
    if (rows.length > 0) yield rows;
    const last = rows.at(-1);
    if (rows.length < PAGE || !last) return;
    after = [last.at_ms, last.prediction];
  }
}
