const halfLogTwoPi = 0.9189385332046727;
const seriesLimit = 200_000;

/** Stirling's series: logGamma(x) - ((x - 1/2) ln x - x + ln(2 pi) / 2), for x >= 15 (Abramowitz & Stegun 6.1.41). */
function stirlingRemainder(x: number): number {
  const inverse = 1 / (x * x);
  return (
    (1 / 12 -
      inverse * (1 / 360 - inverse * (1 / 1260 - inverse * (1 / 1680 - inverse * (1 / 1188))))) /
    x
  );
}

/** ln Gamma(x) for x > 0, to about 1e-15 relative. */
export function logGamma(x: number): number {
  let product = 1;
  let shifted = x;
  while (shifted < 15) {
    product *= shifted;
    shifted += 1;
  }
  const value = (shifted - 0.5) * Math.log(shifted) - shifted + halfLogTwoPi;
  return value + stirlingRemainder(shifted) - Math.log(product);
}

/** ln B(a, b); for two large arguments the big terms cancel on paper instead of in floating point. */
export function logBeta(a: number, b: number): number {
  const small = Math.min(a, b);
  const large = Math.max(a, b);
  if (small < 15) return logGamma(small) + logGammaRatio(large, small);
  const remainder =
    stirlingRemainder(small) + stirlingRemainder(large) - stirlingRemainder(small + large);
  return (
    halfLogTwoPi -
    0.5 * Math.log(large) +
    remainder +
    (small - 0.5) * Math.log(small / (small + large)) +
    large * Math.log1p(-small / (small + large))
  );
}

/** ln(Gamma(large) / Gamma(large + small)). */
function logGammaRatio(large: number, small: number): number {
  if (large < 15) return logGamma(large) - logGamma(large + small);
  const remainder = stirlingRemainder(large) - stirlingRemainder(large + small);
  return (
    remainder - (large - 0.5) * Math.log1p(small / large) - small * (Math.log(large + small) - 1)
  );
}

export function logFactorial(n: number): number {
  return logGamma(n + 1);
}

/** ln of the binomial coefficient (n over k). */
export function logChoose(n: number, k: number): number {
  return k === 0 || k === n ? 0 : -logBeta(n - k + 1, k + 1) - Math.log(n + 1);
}

/** Upper regularised incomplete gamma function Q(a, x), a > 0, x >= 0 (series and Lentz continued fraction). */
export function upperGamma(a: number, x: number): number {
  if (x <= 0) return 1;
  if (x === Infinity) return 0;
  const scale = Math.exp(a * Math.log(x) - x - logGamma(a));
  if (x >= a + 1) return scale * gammaFraction(a, x);
  let term = 1 / a;
  let sum = term;
  for (let n = 1; n < seriesLimit && term > sum * 1e-17; n++) {
    term *= x / (a + n);
    sum += term;
  }
  return 1 - scale * sum;
}

function gammaFraction(a: number, x: number): number {
  let b = x + 1 - a;
  let c = 1e300;
  let d = 1 / b;
  let value = d;
  for (let n = 1; n < seriesLimit; n++) {
    const an = -n * (n - a);
    b += 2;
    d = 1 / (an * d + b);
    c = b + an / c;
    value *= c * d;
    if (Math.abs(c * d - 1) < 1e-16) break;
  }
  return value;
}
