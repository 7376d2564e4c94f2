/**
 * exp and log from + - * / alone. The language leaves the last bits of Math.exp and Math.log to the engine; a model
 * trained with these is the same on every machine. Errors stay below 2 units in the last place.
 */

const LN2_HIGH = 6.9314718036912381649e-1;
const LN2_LOW = 1.90821492927058770002e-10;
const INVERSE_LN2 = 1.4426950408889634;

const LARGEST_EXPONENT = 1023;
const SMALLEST_EXPONENT = -1074;
const powersOfTwo = tabulatePowersOfTwo();

/** 1/12!, 1/11!, ..., 1/1!, 1/0! */
const EXP_COEFFICIENTS = Float64Array.of(
  1 / 479001600,
  1 / 39916800,
  1 / 3628800,
  1 / 362880,
  1 / 40320,
  1 / 5040,
  1 / 720,
  1 / 120,
  1 / 24,
  1 / 6,
  1 / 2,
  1,
  1,
);
const LOG_TERMS = 12;

/** 2 to an integer power; 0 below the smallest subnormal, Infinity above the largest power. */
export function powerOfTwo(exponent: number): number {
  if (exponent > LARGEST_EXPONENT) return Infinity;
  if (exponent < SMALLEST_EXPONENT) return 0;
  return powersOfTwo[exponent - SMALLEST_EXPONENT] as number;
}

/** e to the power x: reduction to |r| <= ln 2 / 2, then the Taylor polynomial of degree 13. */
export function exp(x: number): number {
  if (Number.isNaN(x)) return x;
  if (x > 709.782712893384) return Infinity;
  if (x < -745.1332191019412) return 0;
  const k = Math.round(x * INVERSE_LN2);
  const r = x - k * LN2_HIGH - k * LN2_LOW;
  let sum = 1 / 6227020800;
  for (const coefficient of EXP_COEFFICIENTS) sum = sum * r + coefficient;
  const half = k >> 1;
  return sum * powerOfTwo(half) * powerOfTwo(k - half);
}

/** Natural logarithm: x = m 2^k with m near 1, then 2 artanh((m - 1) / (m + 1)) as a series. */
export function log(x: number): number {
  if (Number.isNaN(x) || x < 0) return NaN;
  if (x === 0) return -Infinity;
  if (x === Infinity) return Infinity;
  const k = exponentOf(x);
  const half = k >> 1;
  const m = (x * powerOfTwo(-half)) / powerOfTwo(k - half);
  const s = (m - 1) / (m + 1);
  const square = s * s;
  let sum = 0;
  for (let term = LOG_TERMS; term >= 1; term--) sum = square * (1 / (2 * term + 1) + sum);
  return k * LN2_HIGH + (k * LN2_LOW + 2 * (s + s * sum));
}

/** log(1 + x) for x > -1, exact to the last places also where x is tiny. */
export function log1p(x: number): number {
  const shifted = 1 + x;
  return shifted === 1 ? x : (log(shifted) * x) / (shifted - 1);
}

/** log(1 + e^x): the log-loss of a margin -x for a positive row. */
export function softplus(x: number): number {
  return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

/** The k for which x = m 2^k with m in [sqrt(1/2), sqrt(2)); x is positive and finite. */
export function exponentOf(x: number): number {
  view.setFloat64(0, x);
  let exponent = ((view.getUint32(0) >>> 20) & 2047) - 1023;
  if (exponent === -1023) {
    view.setFloat64(0, x * 18014398509481984);
    exponent = ((view.getUint32(0) >>> 20) & 2047) - 1023 - 54;
  }
  const half = exponent >> 1;
  const m = x / powerOfTwo(half) / powerOfTwo(exponent - half);
  return m >= Math.SQRT2 ? exponent + 1 : exponent;
}

const view = new DataView(new ArrayBuffer(8));

function tabulatePowersOfTwo(): Float64Array {
  const table = new Float64Array(LARGEST_EXPONENT - SMALLEST_EXPONENT + 1);
  table[-SMALLEST_EXPONENT] = 1;
  for (let exponent = 1; exponent <= LARGEST_EXPONENT; exponent++)
    table[exponent - SMALLEST_EXPONENT] = 2 * (table[exponent - 1 - SMALLEST_EXPONENT] as number);
  for (let exponent = -1; exponent >= SMALLEST_EXPONENT; exponent--)
    table[exponent - SMALLEST_EXPONENT] = (table[exponent + 1 - SMALLEST_EXPONENT] as number) / 2;
  return table;
}
