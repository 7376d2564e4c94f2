import type { registry } from '@flywheel/contracts';

/**
 * The variant that answers a draw in [0, 1). Challengers take their shares from 0 upwards, in the order of their names;
 * the champion has the rest: a unit stays with a challenger while its share grows.
 */
export function pickVariant(variants: readonly registry.Variant[], at: number): registry.Variant {
  const champion = variants.find((variant) => variant.role === 'champion');
  if (!champion) throw new Error('a deployment without a champion');
  let upper = 0;
  for (const variant of [...variants].filter(({ role }) => role === 'challenger').sort(byName)) {
    upper += variant.weight;
    if (at < upper) return variant;
  }
  return champion;
}

function byName(left: registry.Variant, right: registry.Variant): number {
  return left.name < right.name ? -1 : 1;
}
