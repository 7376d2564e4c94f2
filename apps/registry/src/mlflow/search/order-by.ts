import { refused } from '../mlflow-errors.ts';

const ITEM = /^(?:attr(?:ibutes?)?\.)?[`"]?([a-z_]+)[`"]?(?:\s+(asc|desc))?$/i;

/** `key [ASC|DESC]` of each item as SQL, then the tie-breakers that were not asked for. */
export function orderBySql(
  items: readonly string[],
  columns: Readonly<Record<string, string>>,
  tieBreakers: readonly (readonly [column: string, order: string])[],
): string {
  const seen = new Set<string>();
  const orders = items.map((item, index) => {
    const [, key = '', direction = 'asc'] = ITEM.exec(item.trim()) ?? [];
    const column = Object.hasOwn(columns, key) ? columns[key] : undefined;
    if (column === undefined)
      throw refused(
        `Invalid order_by clause '${item}': must be ${Object.keys(columns).join(', ')}, with ASC or DESC`,
        `order_by[${index}]`,
      );
    if (seen.has(column))
      throw refused(
        `Invalid order_by clause '${item}': '${key}' is there twice`,
        `order_by[${index}]`,
      );
    seen.add(column);
    return `${column} ${direction.toLowerCase()}`;
  });
  const ties = tieBreakers
    .filter(([column]) => !seen.has(column))
    .map(([column, order]) => `${column} ${order}`);
  return [...orders, ...ties].join(', ');
}
