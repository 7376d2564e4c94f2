import { BIN_STRIDE, FEATURE_STRIDE } from './histogram.ts';
import {
  assembleModule,
  i32,
  v128,
  wasm,
  type Code,
  type KernelFunction,
} from './wasm-assembler.ts';

/**
 * The two innermost loops of tree growing, in WebAssembly: without bounds checks and with two sums per instruction they
 * run twice as fast as in JavaScript, and its arithmetic is defined to the bit as well. All arguments are addresses.
 */
export type TreeKernels = {
  /**
   * Adds the records of the row numbers in [rows, rowsEnd) to a group's part of a histogram: `word` is the address of
   * the group's word in record 0, gradient and hessian follow `toGradient` bytes behind the word.
   */
  readonly fill: (
    rows: number,
    rowsEnd: number,
    word: number,
    strideBytes: number,
    toGradient: number,
    histogram: number,
  ) => void;
  /**
   * Parts the row numbers in [rows, rowsEnd), in order: those whose bin `goesLeft` maps to 1 move to the front, the
   * others to `spare`. Returns the address behind the last one at the front.
   */
  readonly partition: (
    rows: number,
    rowsEnd: number,
    column: number,
    goesLeft: number,
    spare: number,
  ) => number;
};

export type WasmMemory = { readonly buffer: ArrayBuffer };

/** What of the platform's WebAssembly is used here; the DOM's type library is not loaded. */
type WebAssemblyApi = {
  readonly Memory: new (limits: { readonly initial: number }) => WasmMemory;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
    imports: { readonly env: { readonly memory: WasmMemory } },
  ) => { readonly exports: unknown };
};
const api = (globalThis as unknown as { readonly WebAssembly: WebAssemblyApi }).WebAssembly;

const PAGE_BYTES = 65_536;

/** Memory for the kernels; throws RangeError when the system has not that much. */
export function newMemory(sizeBytes: number): WasmMemory {
  return new api.Memory({ initial: Math.ceil(sizeBytes / PAGE_BYTES) });
}

export function instantiateKernels(memory: WasmMemory): TreeKernels {
  const module = new api.Module(assembleModule([fillKernel(), partitionKernel()]));
  return new api.Instance(module, { env: { memory } }).exports as TreeKernels;
}

function fillKernel(): KernelFunction {
  const [rows, rowsEnd, first, stride, toGradient, histogram, record, word, bin, pair] = [
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
  ] as const;
  const addTo = (feature: number): readonly Code[] => {
    const offset = feature * FEATURE_STRIDE * 8;
    return [
      wasm.get(word),
      wasm.int(8 * feature),
      wasm.shiftRight,
      wasm.int(255),
      wasm.and,
      wasm.int(BIN_STRIDE * 8),
      wasm.mulInt,
      wasm.get(histogram),
      wasm.addInt,
      wasm.tee(bin),
      wasm.get(bin),
      wasm.loadPair(offset),
      wasm.get(pair),
      wasm.addPair,
      wasm.storePair(offset),
      wasm.get(bin),
      wasm.get(bin),
      wasm.loadDouble(offset + 16),
      wasm.one,
      wasm.addDouble,
      wasm.storeDouble(offset + 16),
    ];
  };
  return {
    name: 'fill',
    params: [i32, i32, i32, i32, i32, i32],
    results: [],
    locals: [i32, i32, i32, v128],
    code: [
      wasm.repeat(
        wasm.get(rows),
        wasm.loadInt(),
        wasm.get(stride),
        wasm.mulInt,
        wasm.get(first),
        wasm.addInt,
        wasm.tee(record),
        wasm.get(toGradient),
        wasm.addInt,
        wasm.loadFloatsAsPair(),
        wasm.set(pair),
        wasm.get(record),
        wasm.loadInt(),
        wasm.set(word),
        ...[0, 1, 2, 3].flatMap(addTo),
        wasm.get(rows),
        wasm.int(4),
        wasm.addInt,
        wasm.tee(rows),
        wasm.get(rowsEnd),
        wasm.lessUnsigned,
      ),
    ],
  };
}

function partitionKernel(): KernelFunction {
  const [rows, rowsEnd, column, goesLeft, spare, left, row, step] = [
    0, 1, 2, 3, 4, 5, 6, 7,
  ] as const;
  return {
    name: 'partition',
    params: [i32, i32, i32, i32, i32],
    results: [i32],
    locals: [i32, i32, i32],
    code: [
      wasm.get(rows),
      wasm.set(left),
      wasm.repeat(
        wasm.get(left),
        wasm.get(spare),
        wasm.get(rows),
        wasm.loadInt(),
        wasm.tee(row),
        wasm.storeInt(),
        wasm.get(row),
        wasm.storeInt(),
        wasm.get(row),
        wasm.get(column),
        wasm.addInt,
        wasm.loadByte(),
        wasm.get(goesLeft),
        wasm.addInt,
        wasm.loadByte(),
        wasm.int(2),
        wasm.shiftLeft,
        wasm.tee(step),
        wasm.get(left),
        wasm.addInt,
        wasm.set(left),
        wasm.get(spare),
        wasm.int(4),
        wasm.addInt,
        wasm.get(step),
        wasm.subInt,
        wasm.set(spare),
        wasm.get(rows),
        wasm.int(4),
        wasm.addInt,
        wasm.tee(rows),
        wasm.get(rowsEnd),
        wasm.lessUnsigned,
      ),
      wasm.get(left),
    ],
  };
}
