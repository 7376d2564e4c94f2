/** The batches of one append, as they stand in the log. */
export type TailChunk = {
  readonly baseOffset: number;
  readonly endOffset: number;
  readonly bytes: Buffer;
};

type Held = { readonly chunk: TailChunk; readonly tail: LogTail };

/**
 * Keeps the newest appends of all partitions in memory, so that consumers that are up to date are answered
 * without touching the disk. Bounded by bytes and count; the oldest goes first.
 */
export class TailCache {
  readonly #maxBytes: number;
  readonly #maxChunks: number;
  #held: (Held | undefined)[] = [];
  #first = 0;
  #bytes = 0;

  constructor(limits: { maxBytes: number; maxChunks: number }) {
    this.#maxBytes = limits.maxBytes;
    this.#maxChunks = limits.maxChunks;
  }

  add(chunk: TailChunk, tail: LogTail): void {
    this.#held.push({ chunk, tail });
    this.#bytes += chunk.bytes.length;
    while (this.#bytes > this.#maxBytes || this.#held.length - this.#first > this.#maxChunks)
      this.#evictOldest();
  }

  #evictOldest(): void {
    const oldest = this.#held[this.#first];
    this.#held[this.#first++] = undefined;
    if (this.#first > 1024 && this.#first * 2 > this.#held.length) {
      this.#held = this.#held.slice(this.#first);
      this.#first = 0;
    }
    if (!oldest) return;
    this.#bytes -= oldest.chunk.bytes.length;
    oldest.tail.evict(oldest.chunk);
  }
}

/** The part of one partition's log that is in the cache: contiguous, up to its end. */
export class LogTail {
  readonly #cache: TailCache;
  #chunks: TailChunk[] = [];
  #first = 0;

  constructor(cache: TailCache) {
    this.#cache = cache;
  }

  push(chunk: TailChunk): void {
    const owned = { ...chunk, bytes: withoutWaste(chunk.bytes) };
    this.#chunks.push(owned);
    this.#cache.add(owned, this);
  }

  /** Forgets everything: the log was taken back or is gone. The cache drops its own references as it turns over. */
  clear(): void {
    this.#chunks = [];
    this.#first = 0;
  }

  evict(chunk: TailChunk): void {
    if (this.#chunks[this.#first] !== chunk) return;
    this.#first += 1;
    if (this.#first < 64 || this.#first * 2 < this.#chunks.length) return;
    this.#chunks = this.#chunks.slice(this.#first);
    this.#first = 0;
  }

  /** The chunks from the one that holds `offset` on, or `undefined` when it is not in memory. */
  from(offset: number): { chunks: readonly TailChunk[]; first: number } | undefined {
    const chunks = this.#chunks;
    const oldest = chunks[this.#first];
    if (!oldest || offset < oldest.baseOffset) return undefined;
    let low = this.#first;
    let high = chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((chunks[middle] as TailChunk).endOffset <= offset) low = middle + 1;
      else high = middle;
    }
    return { chunks, first: low };
  }
}

/** A small view would keep the whole socket chunk it was cut from alive: then it is copied. */
function withoutWaste(bytes: Buffer): Buffer {
  return bytes.buffer.byteLength > 2 * bytes.length + 1024 ? Buffer.from(bytes) : bytes;
}
