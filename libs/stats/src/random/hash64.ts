import { mix64 } from './split-mix.ts';
import { word64ToUniform } from './word64.ts';
import type { Word64 } from './word64.ts';

const encoder = new TextEncoder();
const prime = 0x1b3;

/** FNV-1a, 64 bits, over the UTF-8 bytes of a text (Fowler, Noll & Vo). */
export function fnv1a64(text: string): Word64 {
  let high = 0xcbf29ce4;
  let low = 0x84222325;
  const bytes = isAscii(text) ? undefined : encoder.encode(text);
  const length = bytes?.length ?? text.length;
  for (let index = 0; index < length; index++) {
    const mixed = (low ^ (bytes?.[index] ?? text.charCodeAt(index))) >>> 0;
    // The prime is 2^40 + 0x1b3: one shift and a product below 2^41, which a double holds exactly.
    const product = mixed * prime;
    high = (Math.floor(product / 0x100000000) + Math.imul(high, prime) + (mixed << 8)) >>> 0;
    low = product >>> 0;
  }
  return { high, low };
}

/** A well-mixed 64-bit hash of a text: FNV-1a finished by SplitMix64's mixer. Stable for ever: replays depend on it. */
export function hash64(text: string): Word64 {
  return mix64(fnv1a64(text));
}

/** A text's fixed place in [0, 1): for sticky assignment and sampling by id. */
export function hashUniform(text: string): number {
  return word64ToUniform(hash64(text));
}

function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > 127) return false;
  return true;
}
