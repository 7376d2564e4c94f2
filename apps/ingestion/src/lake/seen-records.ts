/** Batches whose records are remembered; older ones are let go in the order they were last seen. */
const REMEMBERED_BATCHES = 2000;
/** Ids of another form that are remembered: between this many and twice as many. */
const REMEMBERED_TEXTS = 100_000;

/**
 * Which records came already: `<batch>/<index>` as one bit each, so that a producer's repetition of millions of records
 * costs kilobytes; ids of another form as they are. Memory is bounded: repetitions come soon after the first.
 */
export class SeenRecords {
  readonly #batches = new Map<string, Uint8Array>();
  #texts = new Set<string>();
  #olderTexts = new Set<string>();

  /** True the first time an id is given. */
  add(id: string): boolean {
    const slash = id.lastIndexOf('/');
    const index = slash < 0 ? Number.NaN : Number(id.slice(slash + 1));
    if (!Number.isInteger(index) || index < 0 || index > 2 ** 31) return this.#addText(id);
    const batch = id.slice(0, slash);
    const byte = index >> 3;
    const bits = grown(this.#batches.get(batch), byte);
    this.#batches.delete(batch);
    this.#batches.set(batch, bits);
    if (this.#batches.size > REMEMBERED_BATCHES)
      this.#batches.delete(this.#batches.keys().next().value ?? '');
    const mask = 1 << (index & 7);
    if (((bits[byte] as number) & mask) !== 0) return false;
    bits[byte] = (bits[byte] as number) | mask;
    return true;
  }

  #addText(id: string): boolean {
    if (this.#texts.has(id) || this.#olderTexts.has(id)) return false;
    this.#texts.add(id);
    if (this.#texts.size >= REMEMBERED_TEXTS) {
      this.#olderTexts = this.#texts;
      this.#texts = new Set();
    }
    return true;
  }
}

function grown(bits: Uint8Array | undefined, byte: number): Uint8Array {
  if (bits && byte < bits.length) return bits;
  const larger = new Uint8Array(Math.max(byte + 1, (bits?.length ?? 32) * 2));
  if (bits) larger.set(bits);
  return larger;
}
