import { logChoose, logFactorial } from './gamma.ts';

/** Tail of the Kolmogorov distribution, P(sqrt(n) D > x) as n grows (Kolmogorov 1933; both series). */
export function kolmogorovLimitTail(x: number): number {
  if (x <= 0) return 1;
  if (x < 1) {
    let sum = 0;
    for (let k = 1; k <= 20; k += 2) sum += Math.exp((-k * k * Math.PI * Math.PI) / (8 * x * x));
    return 1 - (Math.sqrt(2 * Math.PI) / x) * sum;
  }
  let sum = 0;
  for (let k = 1; k <= 20; k++) sum += (k % 2 === 1 ? 2 : -2) * Math.exp(-2 * k * k * x * x);
  return Math.max(0, Math.min(1, sum));
}

/**
 * P(D >= d) of the one-sample Kolmogorov-Smirnov statistic of n points: exact for n <= 140 or in the tail;
 * to about 1e-6 for n <= 5,000 (twice the exact one-sided tail, crossings of both sides from the limit);
 * beyond, the limit at a shifted argument (Vrbik 2018), to about 1e-5.
 */
export function kolmogorovTail(d: number, n: number): number {
  if (d <= 0) return 1;
  if (d >= 1) return 0;
  if (d >= 0.5 || n * d * d > 4) return Math.min(1, 2 * smirnovTail(d, n));
  if (n <= 140) return 1 - matrixCdf(d, n);
  const x = d * Math.sqrt(n);
  const shifted = x + 1 / (6 * Math.sqrt(n)) + (x - 1) / (4 * n);
  if (n > 5_000 || x < 0.8) return kolmogorovLimitTail(shifted);
  return (
    2 * smirnovTail(d, n) + kolmogorovLimitTail(shifted) - 2 * Math.exp(-2 * shifted * shifted)
  );
}

/** P(D+ >= d) of the one-sided statistic (Birnbaum & Tingey 1951); doubled, it is the two-sided tail up to crossings of both sides. */
function smirnovTail(d: number, n: number): number {
  let sum = 0;
  for (let j = 0; j <= Math.floor(n * (1 - d)); j++) {
    const share = d + j / n;
    const rest = share >= 1 ? (n === j ? 0 : -Infinity) : (n - j) * Math.log1p(-share);
    sum += Math.exp(logChoose(n, j) + (j - 1) * Math.log(share) + rest);
  }
  return d * sum;
}

/** P(D < d) as an entry of the n-th power of a matrix (Durbin 1973; Marsaglia, Tsang & Wang 2003). */
function matrixCdf(d: number, n: number): number {
  const k = Math.floor(n * d) + 1;
  const size = 2 * k - 1;
  const power = matrixPower(transitionMatrix(size, k - n * d), size, n);
  const entry = power[(k - 1) * size + k - 1] as number;
  return entry <= 0 ? 0 : Math.exp(Math.log(entry) + logFactorial(n) - n * Math.log(n));
}

function transitionMatrix(size: number, h: number): Float64Array {
  const matrix = new Float64Array(size * size);
  for (let row = 0; row < size; row++)
    for (let column = 0; column <= Math.min(size - 1, row + 1); column++)
      matrix[row * size + column] = 1;
  for (let row = 0; row < size; row++) {
    const edge = h ** (row + 1);
    matrix[row * size] = (matrix[row * size] as number) - edge;
    const last = (size - 1) * size + (size - 1 - row);
    matrix[last] = (matrix[last] as number) - edge;
  }
  if (h > 0.5)
    matrix[(size - 1) * size] = (matrix[(size - 1) * size] as number) + (2 * h - 1) ** size;
  for (let row = 0; row < size; row++)
    for (let column = 0; column <= row; column++)
      matrix[row * size + column] =
        (matrix[row * size + column] as number) / Math.exp(logFactorial(row - column + 1));
  return matrix;
}

function matrixPower(base: Float64Array, size: number, exponent: number): Float64Array {
  if (exponent === 1) return base;
  const half = matrixPower(base, size, Math.floor(exponent / 2));
  const square = multiply(half, half, size);
  return exponent % 2 === 0 ? square : multiply(square, base, size);
}

function multiply(left: Float64Array, right: Float64Array, size: number): Float64Array {
  const product = new Float64Array(size * size);
  for (let row = 0; row < size; row++)
    for (let inner = 0; inner < size; inner++) {
      const factor = left[row * size + inner] as number;
      if (factor === 0) continue;
      for (let column = 0; column < size; column++)
        product[row * size + column] =
          (product[row * size + column] as number) +
          factor * (right[inner * size + column] as number);
    }
  return product;
}
