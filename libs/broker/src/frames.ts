import { invalid } from '@flywheel/core';

/**
 * Cuts a byte stream into frames (int32 length, then that many bytes), however the stream is cut into chunks. A frame
 * that spans chunks is joined once, when it is complete; one inside a chunk is a view.
 */
export class FrameAssembler {
  readonly #maxFrameBytes: number;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #wanted: number | undefined;

  constructor(maxFrameBytes: number) {
    this.#maxFrameBytes = maxFrameBytes;
  }

  /** The frames `chunk` completes, without their lengths. Throws `invalid_argument` for an impossible length. */
  push(chunk: Buffer): readonly Buffer[] {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    const frames: Buffer[] = [];
    for (;;) {
      this.#wanted ??= this.#length();
      if (this.#wanted === undefined || this.#bytes < this.#wanted) return frames;
      frames.push(this.#take(this.#wanted));
      this.#wanted = undefined;
    }
  }

  #length(): number | undefined {
    if (this.#bytes < 4) return undefined;
    const length = this.#take(4).readInt32BE(0);
    if (length < 8 || length > this.#maxFrameBytes)
      throw invalid('request', 'has an impossible length', { length });
    return length;
  }

  #take(length: number): Buffer {
    const [first] = this.#chunks;
    const whole =
      first && first.length >= length ? first : Buffer.concat(this.#chunks, this.#bytes);
    const taken = whole.subarray(0, length);
    const rest = whole.subarray(length);
    if (whole === first) this.#chunks.shift();
    else this.#chunks = [];
    if (rest.length > 0) this.#chunks.unshift(rest);
    this.#bytes -= length;
    return taken;
  }
}
