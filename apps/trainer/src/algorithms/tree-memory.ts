import { invalid, AppError } from '@flywheel/core';
import { MISSING_BIN } from './feature-bins.ts';
import { GROUP_SIZE, GROUP_STRIDE, type Histogram } from './histogram.ts';
import {
  instantiateKernels,
  newMemory,
  type TreeKernels,
  type WasmMemory,
} from './tree-kernels.ts';

const LARGEST_BYTES = 65_536 * 65_536;
/** Rows whose records stay in the nearest cache while one group after the other is filled from them. */
const CHUNK = 2048;
const ALIGNMENT = 16;

export type TreeMemorySize = {
  readonly rowCount: number;
  readonly featureCount: number;
  /** Histograms that may be in use at once. */
  readonly histograms: number;
};

/** Gradient and hessian of row r as float32 at floats[r * stride + first] and the place after it. */
export type GradientRecords = {
  readonly floats: Float32Array;
  readonly stride: number;
  readonly first: number;
};

/**
 * All that the growing of trees reads and writes, in the one memory its kernels see. Bins are held twice: as one column
 * of bytes per feature, for parting rows by one feature; and as one record per row with all its bins, four to a word,
 * and its gradient and hessian, so that filling a histogram touches one or two cache lines per row.
 */
export class TreeMemory {
  readonly rows: Uint32Array;
  readonly columns: readonly Uint8Array[];
  readonly gradients: GradientRecords;
  readonly #memory: WasmMemory;
  readonly #kernels: TreeKernels;
  readonly #spare: Uint32Array;
  readonly #goesLeft: Uint8Array;
  readonly #records: Uint32Array;
  readonly #stride: number;
  readonly #groupCount: number;
  readonly #free: Histogram[] = [];
  #used = 0;

  constructor({ rowCount, featureCount, histograms }: TreeMemorySize) {
    this.#groupCount = Math.ceil(featureCount / GROUP_SIZE);
    this.#stride = this.#groupCount + 2;
    const bytes =
      rowCount * (8 + featureCount + 4 * this.#stride) +
      histograms * this.#groupCount * GROUP_STRIDE * 8 +
      ALIGNMENT * (featureCount + histograms + 8) +
      256;
    this.#memory = allocate(bytes);
    this.#kernels = instantiateKernels(this.#memory);
    this.rows = new Uint32Array(this.#memory.buffer, this.#take(4 * rowCount), rowCount);
    this.#spare = new Uint32Array(this.#memory.buffer, this.#take(4 * rowCount), rowCount);
    this.#goesLeft = new Uint8Array(this.#memory.buffer, this.#take(256), 256);
    this.columns = Array.from(
      { length: featureCount },
      () => new Uint8Array(this.#memory.buffer, this.#take(rowCount), rowCount),
    );
    const words = rowCount * this.#stride;
    const at = this.#take(4 * words);
    this.#records = new Uint32Array(this.#memory.buffer, at, words);
    this.gradients = {
      floats: new Float32Array(this.#memory.buffer, at, words),
      stride: this.#stride,
      first: this.#groupCount,
    };
  }

  /** Copies the bins from the columns into the records; to be called once the columns are filled. */
  packRecords(): void {
    this.columns.forEach((column, feature) => {
      const shift = 8 * (feature % GROUP_SIZE);
      let at = Math.floor(feature / GROUP_SIZE);
      for (let row = 0; row < column.length; row++, at += this.#stride)
        this.#records[at] = (this.#records[at] as number) | ((column[row] as number) << shift);
    });
  }

  /** A histogram that nobody uses; its content is left over from earlier. */
  takeHistogram(): Histogram {
    const length = this.#groupCount * GROUP_STRIDE;
    return (
      this.#free.pop() ?? new Float64Array(this.#memory.buffer, this.#take(8 * length), length)
    );
  }

  giveBack(histogram: Histogram): void {
    this.#free.push(histogram);
  }

  /**
   * Sets the given groups of four features of a histogram to the sums over `rows[start..end)`. Groups are independent
   * of one another: different workers may fill different ones.
   */
  fill(histogram: Histogram, groups: readonly number[], start: number, end: number): void {
    for (const group of groups) histogram.fill(0, group * GROUP_STRIDE, (group + 1) * GROUP_STRIDE);
    for (let chunk = start; chunk < end; chunk += CHUNK)
      for (const group of groups)
        this.#kernels.fill(
          this.rows.byteOffset + 4 * chunk,
          this.rows.byteOffset + 4 * Math.min(end, chunk + CHUNK),
          this.#records.byteOffset + 4 * group,
          4 * this.#stride,
          4 * (this.#groupCount - group),
          histogram.byteOffset + 8 * group * GROUP_STRIDE,
        );
  }

  /**
   * Parts `rows[start..end)` by a feature, keeping the order on both sides: bins up to `bin` go left, the missing ones
   * if `missingLeft`. Returns where the right side begins.
   */
  partition(
    start: number,
    end: number,
    split: { readonly feature: number; readonly bin: number; readonly missingLeft: boolean },
  ): number {
    if (start === end) return start;
    this.#goesLeft.fill(0).fill(1, 0, split.bin + 1);
    this.#goesLeft[MISSING_BIN] = split.missingLeft ? 1 : 0;
    const base = this.rows.byteOffset;
    const middle = this.#kernels.partition(
      base + 4 * start,
      base + 4 * end,
      (this.columns[split.feature] as Uint8Array).byteOffset,
      this.#goesLeft.byteOffset,
      this.#spare.byteOffset,
    );
    const firstRight = ((middle >>> 0) - base) / 4;
    this.rows.set(this.#spare.subarray(0, end - firstRight), firstRight);
    return firstRight;
  }

  #take(bytes: number): number {
    const at = this.#used;
    this.#used = Math.ceil((at + bytes) / ALIGNMENT) * ALIGNMENT;
    return at;
  }
}

function allocate(bytes: number): WasmMemory {
  if (bytes > LARGEST_BYTES)
    throw invalid('table', 'is too large: its work space must not exceed 4 GiB', { bytes });
  try {
    return newMemory(bytes);
  } catch (cause) {
    throw new AppError('resource_exhausted', 'not enough memory to train', {
      details: { bytes },
      cause,
    });
  }
}
