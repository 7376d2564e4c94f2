/**
 * Just enough of an assembler for small WebAssembly kernels over one imported memory. Code is a list of bytes, built
 * from the instructions below; locals are named by their index, parameters first.
 */
export type Code = readonly number[];

export const i32 = 0x7f;
export const v128 = 0x7b;

export type KernelFunction = {
  readonly name: string;
  readonly params: readonly number[];
  readonly results: readonly number[];
  readonly locals: readonly number[];
  readonly code: readonly Code[];
};

export const wasm = {
  get: (local: number): Code => [0x20, ...unsigned(local)],
  set: (local: number): Code => [0x21, ...unsigned(local)],
  tee: (local: number): Code => [0x22, ...unsigned(local)],
  int: (value: number): Code => [0x41, ...signed(value)],
  /** The float64 constant 1. */
  one: [0x44, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f] as Code,
  loadInt: (offset = 0): Code => [0x28, 2, ...unsigned(offset)],
  loadByte: (offset = 0): Code => [0x2d, 0, ...unsigned(offset)],
  storeInt: (offset = 0): Code => [0x36, 2, ...unsigned(offset)],
  loadDouble: (offset = 0): Code => [0x2b, 3, ...unsigned(offset)],
  storeDouble: (offset = 0): Code => [0x39, 3, ...unsigned(offset)],
  lessUnsigned: [0x49] as Code,
  addInt: [0x6a] as Code,
  subInt: [0x6b] as Code,
  mulInt: [0x6c] as Code,
  and: [0x71] as Code,
  shiftLeft: [0x74] as Code,
  shiftRight: [0x76] as Code,
  addDouble: [0xa0] as Code,
  /** Two float64 at once. */
  loadPair: (offset = 0): Code => [0xfd, 0x00, 3, ...unsigned(offset)],
  storePair: (offset = 0): Code => [0xfd, 0x0b, 3, ...unsigned(offset)],
  addPair: [0xfd, 0xf0, 0x01] as Code,
  /** Two float32 from memory, as two float64. */
  loadFloatsAsPair: (offset = 0): Code => [0xfd, 0x5d, 2, ...unsigned(offset), 0xfd, 0x5f],
  /** Repeats the code while the condition it leaves behind is not 0. */
  repeat: (...code: readonly Code[]): Code => [0x03, 0x40, ...code.flat(), 0x0d, 0, 0x0b],
};

/** A module that imports `env.memory` and exports the functions. */
export function assembleModule(functions: readonly KernelFunction[]): Uint8Array {
  const types = functions.map(({ params, results }) => [
    0x60,
    ...vector(params),
    ...vector(results),
  ]);
  const imported = [...name('env'), ...name('memory'), 2, 0, 1];
  const exported = functions.map((kernel, index) => [...name(kernel.name), 0, ...unsigned(index)]);
  const bodies = functions.map(({ locals, code }) => {
    const declared = locals.map((type) => [1, type]);
    const body = [...items(declared), ...code.flat(), 0x0b];
    return [...unsigned(body.length), ...body];
  });
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, items(types)),
    ...section(2, items([imported])),
    ...section(3, items(functions.map((_, index) => unsigned(index)))),
    ...section(7, items(exported)),
    ...section(10, items(bodies)),
  ]);
}

function section(id: number, content: Code): Code {
  return [id, ...unsigned(content.length), ...content];
}

function items(parts: readonly Code[]): Code {
  return [...unsigned(parts.length), ...parts.flat()];
}

function vector(bytes: Code): Code {
  return [...unsigned(bytes.length), ...bytes];
}

function name(text: string): Code {
  return vector([...new TextEncoder().encode(text)]);
}

/** LEB128 of a number from 0 to 2^32 - 1. */
function unsigned(value: number): Code {
  const bytes: number[] = [];
  let rest = value >>> 0;
  while (rest > 127) {
    bytes.push((rest & 127) | 128);
    rest >>>= 7;
  }
  return [...bytes, rest];
}

/** LEB128 of a signed 32-bit number. */
function signed(value: number): Code {
  const bytes: number[] = [];
  let rest = value | 0;
  while (rest < -64 || rest > 63) {
    bytes.push((rest & 127) | 128);
    rest >>= 7;
  }
  return [...bytes, rest & 127];
}
