import { checkCounts } from './count-tests.ts';
import { bisectInteger, logHypergeometric } from '../special/hypergeometric.ts';

/**
 * Fisher's exact test that two samples have the same share, right at any size and for the rarest events. p is two-sided:
 * the probability of all tables no likelier than the one seen.
 */
export function fisherExact(
  first: { readonly successes: number; readonly trials: number },
  second: { readonly successes: number; readonly trials: number },
): number {
  checkCounts(
    [first.successes, first.trials - first.successes],
    [second.successes, second.trials - second.successes],
  );
  const table = {
    marked: first.successes + second.successes,
    drawn: second.trials,
    total: first.trials + second.trials,
  };
  const low = Math.max(0, table.drawn + table.marked - table.total);
  const high = Math.min(table.drawn, table.marked);
  if (low === high) return 1;
  const point = (k: number) => logHypergeometric(k, table);
  // Relative slack, so that the mirror image of the table counts as equally likely in spite of rounding.
  const limit = point(second.successes) + 1e-9;
  const mode = Math.floor(((table.drawn + 1) * (table.marked + 1)) / (table.total + 2));
  const centre = Math.min(high, Math.max(low, mode));
  const lastLow = bisectInteger(low - 1, centre, (k) => k < low || point(k) <= limit);
  const firstHigh = -bisectInteger(-high - 1, -centre, (k) => -k > high || point(-k) <= limit);
  return Math.min(
    1,
    tail(point, lastLow, low, -1) + tail(point, Math.max(firstHigh, lastLow + 1), high, 1),
  );
}

/** Sum of point probabilities from `from` outwards to `to`, until nothing more is added. */
function tail(point: (k: number) => number, from: number, to: number, step: 1 | -1): number {
  let sum = 0;
  for (let k = from; step > 0 ? k <= to : k >= to; k += step) {
    const probability = Math.exp(point(k));
    sum += probability;
    if (probability < sum * 1e-17) break;
  }
  return sum;
}
