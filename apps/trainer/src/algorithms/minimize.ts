/** Returns the objective at `point` and writes its gradient. */
export type Objective = (point: Float64Array, gradient: Float64Array) => number;

export type MinimizeOptions = {
  readonly maxIterations: number;
  /** Stop when no component of the gradient is larger than this. */
  readonly tolerance: number;
  /** Called after each iteration, counting from 1. */
  readonly onIteration?: (iteration: number, point: Float64Array) => void;
};

export type Minimum = {
  readonly point: Float64Array;
  readonly value: number;
  readonly iterations: number;
  readonly converged: boolean;
};

/** Pairs of steps and gradient changes that the quadratic model remembers. */
const MEMORY = 10;
/** Share of the linear decrease a step must reach. */
const SUFFICIENT_DECREASE = 1e-4;
const MAX_HALVINGS = 40;
/** Near the optimum values differ by rounding only; there a point counts as better if its gradient is much smaller. */
const ROUNDING = 1e-14;

type Pair = { readonly step: Float64Array; readonly change: Float64Array; readonly rho: number };

/**
 * Limited-memory BFGS with step halving, for smooth convex functions. (Nocedal and Wright, Numerical Optimization,
 * algorithm 7.4.) Plain arithmetic in a fixed order.
 */
export function minimize(
  objective: Objective,
  start: Float64Array,
  options: MinimizeOptions,
): Minimum {
  let point = start.slice();
  let gradient = new Float64Array(point.length);
  let value = objective(point, gradient);
  const pairs: Pair[] = [];
  let iterations = 0;
  while (largest(gradient) > options.tolerance && iterations < options.maxIterations) {
    const direction = descentDirection(gradient, pairs);
    const next = searchLine(objective, { point, gradient, value, direction }, pairs.length === 0);
    if (!next) break;
    remember(pairs, point, gradient, next);
    ({ point, gradient, value } = next);
    iterations++;
    options.onIteration?.(iterations, point);
  }
  return { point, value, iterations, converged: largest(gradient) <= options.tolerance };
}

type State = {
  readonly point: Float64Array;
  readonly gradient: Float64Array<ArrayBuffer>;
  readonly value: number;
};

/** The first point along the direction with a sufficient decrease; undefined when rounding leaves none. */
function searchLine(
  objective: Objective,
  { point, gradient, value, direction }: State & { readonly direction: Float64Array },
  isFirst: boolean,
): (State & { readonly point: Float64Array<ArrayBuffer> }) | undefined {
  const slope = dot(gradient, direction);
  let size = isFirst ? 1 / Math.max(1, Math.sqrt(dot(gradient, gradient))) : 1;
  for (let halving = 0; halving < MAX_HALVINGS; halving++, size /= 2) {
    const length = size;
    const candidate = Float64Array.from(point, (x, i) => x + length * (direction[i] as number));
    const candidateGradient = new Float64Array(point.length);
    const candidateValue = objective(candidate, candidateGradient);
    const isLower = candidateValue <= value + SUFFICIENT_DECREASE * size * slope;
    const isFlatter =
      candidateValue <= value + ROUNDING * Math.abs(value) &&
      largest(candidateGradient) < largest(gradient) / 2;
    if ((isLower && candidateValue < value) || isFlatter)
      return { point: candidate, gradient: candidateGradient, value: candidateValue };
  }
  return undefined;
}

/** Minus the gradient times the inverse Hessian that the pairs describe (two-loop recursion). */
function descentDirection(gradient: Float64Array, pairs: readonly Pair[]): Float64Array {
  const direction = gradient.map((component) => -component);
  const factors: number[] = [];
  for (const { step, change, rho } of pairs.toReversed()) {
    const factor = rho * dot(step, direction);
    factors.push(factor);
    addScaled(direction, change, -factor);
  }
  const last = pairs.at(-1);
  if (last) {
    const scale = 1 / (last.rho * dot(last.change, last.change));
    for (let i = 0; i < direction.length; i++) direction[i] = scale * (direction[i] as number);
  }
  for (const { step, change, rho } of pairs)
    addScaled(direction, step, (factors.pop() as number) - rho * dot(change, direction));
  return direction;
}

function remember(pairs: Pair[], point: Float64Array, gradient: Float64Array, next: State): void {
  const step = next.point.map((x, i) => x - (point[i] as number));
  const change = next.gradient.map((g, i) => g - (gradient[i] as number));
  const curvature = dot(step, change);
  if (curvature <= 0) return;
  pairs.push({ step, change, rho: 1 / curvature });
  if (pairs.length > MEMORY) pairs.shift();
}

function dot(left: Float64Array, right: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < left.length; i++) sum += (left[i] as number) * (right[i] as number);
  return sum;
}

function addScaled(target: Float64Array, other: Float64Array, scale: number): void {
  for (let i = 0; i < target.length; i++)
    target[i] = (target[i] as number) + scale * (other[i] as number);
}

function largest(values: Float64Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}
