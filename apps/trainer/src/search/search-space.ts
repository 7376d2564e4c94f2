import { invalid } from '@flywheel/core';
import { drawUnit, randomKey } from '../algorithms/counter-random.ts';
import { exp, log } from '../algorithms/deterministic-math.ts';

export type NumericParameter = {
  readonly type: 'float' | 'int';
  readonly low: number;
  readonly high: number;
  /** Search on the logarithm; needs low above 0, and no step for floats. */
  readonly log?: boolean;
  /** Distance of allowed values, counted from low; 1 for integers unless given. */
  readonly step?: number;
};

export type Choice = string | number | boolean;
export type CategoricalParameter = {
  readonly type: 'categorical';
  readonly choices: readonly Choice[];
};

export type Parameter = NumericParameter | CategoricalParameter;
export type SearchSpace = Readonly<Record<string, Parameter>>;
/** A value for every parameter of a space. */
export type Assignment = Readonly<Record<string, Choice>>;

/** Refuses a space that cannot be searched, naming the parameter. */
export function checkSearchSpace(space: SearchSpace, field = 'space'): void {
  const names = Object.keys(space);
  if (names.length === 0) throw invalid(field, 'must hold at least one parameter');
  for (const name of names) {
    const parameter = space[name] as Parameter;
    if (parameter.type === 'categorical') checkChoices(parameter, `${field}.${name}`);
    else checkNumeric(parameter, `${field}.${name}`);
  }
}

/** Parameter names in the order in which everything is computed, whatever order the space was written in. */
export function namesOf(space: SearchSpace): string[] {
  return Object.keys(space).sort();
}

/** How many different assignments a space has; Infinity when a parameter is continuous. */
export function countAssignments(space: SearchSpace): number {
  return Object.values(space).reduce((product, parameter) => product * countValues(parameter), 1);
}

/** Whether two assignments give every parameter of the space the same value. */
export function isSameAssignment(space: SearchSpace, left: Assignment, right: Assignment): boolean {
  return Object.keys(space).every((name) => Object.is(left[name], right[name]));
}

/** Whether an assignment is inside the space: a trial of an older space may not be. */
export function isInside(space: SearchSpace, assignment: Assignment): boolean {
  return Object.entries(space).every(([name, parameter]) => {
    const value = assignment[name];
    if (value === undefined) return false;
    if (parameter.type === 'categorical') return parameter.choices.includes(value);
    return typeof value === 'number' && value >= parameter.low && value <= parameter.high;
  });
}

/** Each parameter uniform over its range (of logarithms if `log`): a pure function of (seed, trial number). */
export function suggestRandom(space: SearchSpace, seed: number, trial: number): Assignment {
  return Object.fromEntries(
    namesOf(space).map((name) => {
      const parameter = space[name] as Parameter;
      const draw = drawUnit(parameterKey(seed, trial, name), 0);
      if (parameter.type === 'categorical')
        return [name, parameter.choices[Math.floor(draw * parameter.choices.length)] as Choice];
      const axis = axisOf(parameter);
      return [name, axis.toValue(axis.low + draw * (axis.high - axis.low))];
    }),
  );
}

/** The generator's key of one parameter in one trial. */
export function parameterKey(seed: number, trial: number, name: string) {
  return randomKey(seed, trial, hashName(name));
}

/**
 * A numeric parameter as a continuous axis. Stepped ranges are widened by half a step on both sides, so that each
 * allowed value owns a cell of equal size; `cellOf` gives that cell, or undefined where the axis is continuous.
 */
export type Axis = {
  readonly low: number;
  readonly high: number;
  toAxis(value: number): number;
  toValue(position: number): number;
  readonly cellOf: ((value: number) => readonly [number, number]) | undefined;
};

export function axisOf(parameter: NumericParameter): Axis {
  const step = stepOf(parameter);
  const top = lastValue(parameter);
  const toAxis = parameter.log ? log : (value: number) => value;
  const half = (step ?? 0) / 2;
  const low = toAxis(parameter.low - half);
  const high = toAxis(top + half);
  const clamp = (value: number) => Math.min(Math.max(value, parameter.low), top);
  const fromAxis = parameter.log ? exp : (position: number) => position;
  if (step === undefined)
    return {
      low,
      high,
      toAxis,
      toValue: (position) => clamp(fromAxis(position)),
      cellOf: undefined,
    };
  return {
    low,
    high,
    toAxis,
    toValue: (position) =>
      clamp(parameter.low + Math.round((fromAxis(position) - parameter.low) / step) * step),
    cellOf: (value) => [toAxis(value - half), toAxis(value + half)],
  };
}

function stepOf(parameter: NumericParameter): number | undefined {
  return parameter.step ?? (parameter.type === 'int' ? 1 : undefined);
}

/** The largest allowed value: high, or the last one that whole steps reach. */
function lastValue(parameter: NumericParameter): number {
  const step = stepOf(parameter);
  if (step === undefined) return parameter.high;
  const steps = Math.floor((parameter.high - parameter.low) / step + 1e-9);
  return parameter.low + steps * step;
}

function countValues(parameter: Parameter): number {
  if (parameter.type === 'categorical') return parameter.choices.length;
  const step = stepOf(parameter);
  if (step === undefined) return parameter.low === parameter.high ? 1 : Infinity;
  return Math.round((lastValue(parameter) - parameter.low) / step) + 1;
}

function checkChoices({ choices }: CategoricalParameter, field: string): void {
  if (choices.length === 0) throw invalid(`${field}.choices`, 'must not be empty');
  if (new Set(choices).size < choices.length)
    throw invalid(`${field}.choices`, 'must be different from one another');
}

function checkNumeric(parameter: NumericParameter, field: string): void {
  const { type, low, high, step } = parameter;
  for (const [name, value] of Object.entries({ low, high })) {
    if (!Number.isFinite(value)) throw invalid(`${field}.${name}`, 'must be a finite number');
    if (type === 'int' && !Number.isSafeInteger(value))
      throw invalid(`${field}.${name}`, 'must be an integer');
  }
  if (low > high) throw invalid(`${field}.high`, 'must not be below low', { low, high });
  if (step !== undefined && !(step > 0 && Number.isFinite(step)))
    throw invalid(`${field}.step`, 'must be a number above 0');
  if (type === 'int' && step !== undefined && !Number.isInteger(step))
    throw invalid(`${field}.step`, 'must be an integer');
  if (!parameter.log) return;
  if (low <= 0) throw invalid(`${field}.low`, 'must be above 0 on a logarithmic scale');
  if (step !== undefined && step !== 1)
    throw invalid(`${field}.step`, 'must not be set on a logarithmic scale');
  if (step !== undefined && type === 'float')
    throw invalid(`${field}.step`, 'must not be set on a logarithmic scale');
}

/** FNV-1a over UTF-16 units. */
function hashName(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++)
    hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193) >>> 0;
  return hash;
}
