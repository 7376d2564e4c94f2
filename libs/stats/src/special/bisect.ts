/** Root of a function that rises from negative at `low` to positive at `high`, to the last bit the interval allows. */
export function bisect(rising: (x: number) => number, low: number, high: number): number {
  let from = low;
  let to = high;
  for (let step = 0; step < 1_100; step++) {
    const middle = from + (to - from) / 2;
    if (middle <= from || middle >= to) break;
    if (rising(middle) < 0) from = middle;
    else to = middle;
    if (to - from <= Math.abs(to) * 1e-15) break;
  }
  return from + (to - from) / 2;
}
