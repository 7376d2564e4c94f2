import { drawUnit, type RandomKey } from '../algorithms/counter-random.ts';
import { exp, log } from '../algorithms/deterministic-math.ts';
import { normalMass, truncatedNormalQuantile } from './normal-distribution.ts';
import {
  axisOf,
  namesOf,
  parameterKey,
  type Assignment,
  type Axis,
  type CategoricalParameter,
  type Choice,
  type Parameter,
  type SearchSpace,
} from './search-space.ts';

const HALF_LOG_2PI = 0.9189385332046728;

/** Observations that count fully; older ones fade. */
const RECENT = 25;

/**
 * Weights of k observations, oldest first: all 1 up to 25; beyond, a ramp from 1/k to 1 over the oldest and then 25
 * ones.
 */
export function observationWeights(count: number): number[] {
  const fading = Math.max(0, count - RECENT);
  return Array.from({ length: count }, (_, index) => {
    if (index >= fading) return 1;
    if (fading === 1) return 1 / count;
    return 1 / count + (index / (fading - 1)) * (1 - 1 / count);
  });
}

/**
 * Bandwidth of each observation on [low, high]: the larger distance to its neighbours, the range's ends being
 * neighbours too; of two or more observations the outermost use their inner neighbour only. Clipped to
 * [range / min(100, k + 2), range].
 */
export function bandwidths(observations: readonly number[], low: number, high: number): number[] {
  const order = observations.map((_, index) => index);
  order.sort((a, b) => (observations[a] as number) - (observations[b] as number) || a - b);
  const count = observations.length;
  const least = (high - low) / Math.min(100, count + 2);
  const widths = new Array<number>(count).fill(0);
  order.forEach((index, rank) => {
    const own = observations[index] as number;
    const at = (place: number) => observations[order[place] as number] as number;
    const toLeft = own - (rank > 0 ? at(rank - 1) : low);
    const toRight = (rank < count - 1 ? at(rank + 1) : high) - own;
    const isOuter = count > 1 && (rank === 0 || rank === count - 1);
    const width = isOuter ? (rank === 0 ? toRight : toLeft) : Math.max(toLeft, toRight);
    widths[index] = Math.min(Math.max(width, least), high - low);
  });
  return widths;
}

/** One parameter of the mixture: draws from component c, and the log-density of values under each component. */
type Kernel = {
  draw(component: number, key: RandomKey, counter: number): Choice;
  logDensity(component: number, value: Choice): number;
};

/**
 * A mixture with one component per observed assignment and a broad one as prior (weight 1, last), each a product over
 * the parameters. Observations are in trial order.
 */
export class ParzenEstimator {
  readonly #logWeights: readonly number[];
  readonly #cumulative: readonly number[];
  readonly #kernels: readonly (readonly [string, Kernel])[];

  constructor(space: SearchSpace, observations: readonly Assignment[]) {
    const weights = [...observationWeights(observations.length), 1];
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    let sum = 0;
    this.#cumulative = weights.map((weight) => (sum += weight) / total);
    this.#logWeights = weights.map((weight) => log(weight / total));
    this.#kernels = namesOf(space).map((name) => [
      name,
      kernelOf(
        space[name] as Parameter,
        observations.map((observation) => observation[name] as Choice),
      ),
    ]);
  }

  /** Candidate `counter` of a trial: one component for all parameters, then each parameter from it. */
  draw(seed: number, trial: number, componentKey: RandomKey, counter: number): Assignment {
    const pick = drawUnit(componentKey, counter);
    const found = this.#cumulative.findIndex((share) => pick < share);
    const component = found < 0 ? this.#cumulative.length - 1 : found;
    return Object.fromEntries(
      this.#kernels.map(([name, kernel]) => [
        name,
        kernel.draw(component, parameterKey(seed, trial, name), counter),
      ]),
    );
  }

  logDensity(assignment: Assignment): number {
    const logs = this.#logWeights.map((logWeight, component) =>
      this.#kernels.reduce(
        (sum, [name, kernel]) => sum + kernel.logDensity(component, assignment[name] as Choice),
        logWeight,
      ),
    );
    const largest = logs.reduce((most, value) => Math.max(most, value), -Infinity);
    return largest + log(logs.reduce((sum, value) => sum + exp(value - largest), 0));
  }
}

function kernelOf(parameter: Parameter, observations: readonly Choice[]): Kernel {
  if (parameter.type === 'categorical') return categoricalKernel(parameter, observations);
  const axis = axisOf(parameter);
  return axis.high > axis.low
    ? numericKernel(axis, observations as readonly number[])
    : { draw: () => axis.toValue(axis.low), logDensity: () => 0 };
}

/** Gaussians truncated to the axis; a stepped value has the probability of its cell instead of a density. */
function numericKernel(axis: Axis, observations: readonly number[]): Kernel {
  const { low, high, cellOf } = axis;
  const positions = observations.map((value) => axis.toAxis(value));
  const centres = Float64Array.from([...positions, (low + high) / 2]);
  const widths = Float64Array.from([...bandwidths(positions, low, high), high - low]);
  const logMasses = centres.map((centre, component) => {
    const width = widths[component] as number;
    return log(normalMass((low - centre) / width, (high - centre) / width));
  });
  const logScales = widths.map((width) => log(width) + HALF_LOG_2PI);
  return {
    draw(component, key, counter) {
      const centre = centres[component] as number;
      const width = widths[component] as number;
      const z = truncatedNormalQuantile(
        drawUnit(key, counter),
        (low - centre) / width,
        (high - centre) / width,
      );
      return axis.toValue(centre + z * width);
    },
    logDensity(component, value) {
      const centre = centres[component] as number;
      const width = widths[component] as number;
      const logMass = logMasses[component] as number;
      if (cellOf) {
        const [left, right] = cellOf(value as number);
        return log(normalMass((left - centre) / width, (right - centre) / width)) - logMass;
      }
      const z = (axis.toAxis(value as number) - centre) / width;
      return (-z * z) / 2 - (logScales[component] as number) - logMass;
    },
  };
}

/** 1/(k + 1) on every choice and 1 more on the observed one, normalised; the prior is uniform. */
function categoricalKernel(
  { choices }: CategoricalParameter,
  observations: readonly Choice[],
): Kernel {
  const floor = 1 / (observations.length + 1);
  const total = 1 + choices.length * floor;
  const probability = (component: number, choice: number) => {
    if (component >= observations.length) return 1 / choices.length;
    return (floor + (observations[component] === choices[choice] ? 1 : 0)) / total;
  };
  return {
    draw(component, key, counter) {
      let rest = drawUnit(key, counter);
      for (let choice = 0; choice < choices.length - 1; choice++) {
        rest -= probability(component, choice);
        if (rest < 0) return choices[choice] as Choice;
      }
      return choices[choices.length - 1] as Choice;
    },
    logDensity: (component, value) => log(probability(component, choices.indexOf(value))),
  };
}
