import { logChoose } from './gamma.ts';

/** An urn: `marked` of `total` balls are marked, `drawn` are taken without replacement. */
export interface Urn {
  readonly marked: number;
  readonly drawn: number;
  readonly total: number;
}

/** ln P(exactly k marked balls among those drawn). */
export function logHypergeometric(k: number, { marked, drawn, total }: Urn): number {
  return logChoose(marked, k) + logChoose(total - marked, drawn - k) - logChoose(total, drawn);
}

/** The last integer in [low, high] that holds; `holds(low)` is taken for granted and holds up to one point only. */
export function bisectInteger(low: number, high: number, holds: (k: number) => boolean): number {
  let from = low;
  let to = high + 1;
  while (to - from > 1) {
    const middle = Math.floor((from + to) / 2);
    if (holds(middle)) from = middle;
    else to = middle;
  }
  return from;
}
