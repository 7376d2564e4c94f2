import { randomKey } from '../algorithms/counter-random.ts';
import { ParzenEstimator } from './parzen-estimator.ts';
import { isInside, suggestRandom, type Assignment, type SearchSpace } from './search-space.ts';
import { rankTrials, type Study, type Trial } from './trial.ts';

/** Finished trials that are drawn at random before the model is used. */
const STARTUP_TRIALS = 10;
const CANDIDATES = 24;

/**
 * Multivariate tree-structured Parzen estimator (Bergstra et al. 2011; settings as in Optuna 5): the candidate with
 * the largest ratio of its density among good trials to that among the others. The suggestion for trial number i is a
 * pure function of (study, i, trials visible to it): replaying the log of a parallel study repeats every suggestion.
 */
export function suggestTpe(
  study: Study<SearchSpace>,
  number: number,
  visible: readonly Trial[],
): Assignment {
  const { seed, space } = study;
  const { good, bad } = splitTrials(study, visible);
  const finished = visible.filter(({ state }) => state === 'complete' || state === 'pruned');
  if (finished.length < STARTUP_TRIALS || good.length === 0)
    return suggestRandom(space, seed, number);
  const likely = new ParzenEstimator(space, good);
  const others = new ParzenEstimator(space, bad);
  const componentKey = randomKey(seed, number);
  let best: Assignment = {};
  let bestRatio = -Infinity;
  for (let counter = 0; counter < CANDIDATES; counter++) {
    const candidate = likely.draw(seed, number, componentKey, counter);
    const ratio = likely.logDensity(candidate) - others.logDensity(candidate);
    if (ratio > bestRatio || counter === 0) [best, bestRatio] = [candidate, ratio];
  }
  return best;
}

/**
 * The best min(ceil(n/10), 25) of n finished trials, and all others; running ones count as bad, so that parallel
 * workers spread out. Both in trial order. Trials outside the space and failed ones are left out.
 */
export function splitTrials(
  { space, direction }: Study<SearchSpace>,
  visible: readonly Trial[],
): { readonly good: readonly Assignment[]; readonly bad: readonly Assignment[] } {
  const usable = visible.filter(({ params }) => isInside(space, params));
  const ranked = rankTrials(usable, direction);
  const size = Math.min(Math.ceil(0.1 * ranked.length), 25);
  const running = usable.filter(({ state }) => state === 'running');
  return {
    good: inOrder(ranked.slice(0, size)),
    bad: inOrder([...ranked.slice(size), ...running]),
  };
}

function inOrder(trials: readonly Trial[]): Assignment[] {
  return trials.toSorted((a, b) => a.number - b.number).map(({ params }) => params);
}
