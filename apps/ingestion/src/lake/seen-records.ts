/** Batches whose records are remembered; older ones are let go in the order they were last seen. */
const REMEMBERED_BATCHES = 2000;
/** Ids of another form that are remembered: between this many and twice as many. */
const REMEMBERED_TEXTS = 100_000;
const MAXIMUM_INDEX = 2 ** 31 - 1;

/** Ids of our own making are `<batch>/<index>`; those that callers choose may look so and mean nothing by it. */
export type IdForm = { readonly isIndexed: boolean };

/**
 * Which records came already: `<batch>/<index>` as one bit each, so that a producer's repetition of millions of records
 * costs kilobytes; ids of another form as they are. Memory is bounded: repetitions come soon after the first.
 */
export class SeenRecords {
  readonly #batches = new Map<string, Uint8Array>();
  #texts = new Set<string>();
  #olderTexts = new Set<string>();

  has(id: string, { isIndexed }: IdForm): boolean {
    const index = isIndexed ? indexOf(id) : undefined;
    if (index === undefined) return this.#texts.has(id) || this.#olderTexts.has(id);
    const bits = this.#batches.get(batchOf(id));
    return ((bits?.[index >> 3] ?? 0) & (1 << (index & 7))) !== 0;
  }

  add(id: string, { isIndexed }: IdForm): void {
    const index = isIndexed ? indexOf(id) : undefined;
    if (index === undefined) {
      this.#addText(id);
      return;
    }
    const batch = batchOf(id);
    const byte = index >> 3;
    const bits = grown(this.#batches.get(batch), byte);
    this.#batches.delete(batch);
    this.#batches.set(batch, bits);
    if (this.#batches.size > REMEMBERED_BATCHES)
      this.#batches.delete(this.#batches.keys().next().value ?? '');
    bits[byte] = (bits[byte] as number) | (1 << (index & 7));
  }

  #addText(id: string): void {
    this.#texts.add(id);
    if (this.#texts.size < REMEMBERED_TEXTS) return;
    this.#olderTexts = this.#texts;
    this.#texts = new Set();
  }
}

function batchOf(id: string): string {
  return id.slice(0, id.lastIndexOf('/'));
}

/** The index at the end of an id, if it is written as we write it: two ids must not have the same. */
function indexOf(id: string): number | undefined {
  const text = id.slice(id.lastIndexOf('/') + 1);
  const index = Number(text);
  return Number.isInteger(index) && index >= 0 && index <= MAXIMUM_INDEX && String(index) === text
    ? index
    : undefined;
}

function grown(bits: Uint8Array | undefined, byte: number): Uint8Array {
  if (bits && byte < bits.length) return bits;
  const larger = new Uint8Array(Math.max(byte + 1, (bits?.length ?? 32) * 2));
  if (bits) larger.set(bits);
  return larger;
}
