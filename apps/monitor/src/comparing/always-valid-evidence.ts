import type { PairedComparison } from '@flywheel/stats';

/** Evidence beyond this is told as this. */
const GREATEST = 1e12;
const STEPS = 60;

/**
 * Evidence against "the champion is at least as good": 1 / p, where p is the smallest error probability at which the
 * confidence sequence of the mean loss difference still lies above zero. Valid at every look, because the sequence is;
 * 1 when nothing speaks against it.
 */
export function alwaysValidEvidence(paired: PairedComparison): number {
  const isBetterAt = (alpha: number) =>
    (paired.summary({ alpha }).interval?.low ?? Number.NEGATIVE_INFINITY) > 0;
  if (isBetterAt(1 / GREATEST)) return GREATEST;
  let below = Math.log(1 / GREATEST);
  let above = Math.log(0.999);
  if (!isBetterAt(Math.exp(above))) return 1;
  for (let step = 0; step < STEPS; step++) {
    const middle = (below + above) / 2;
    if (isBetterAt(Math.exp(middle))) above = middle;
    else below = middle;
  }
  return Math.exp(-above);
}
