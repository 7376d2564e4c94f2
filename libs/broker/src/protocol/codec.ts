import { invalid } from '@flywheel/core';
import type { Reader } from './reader.ts';
import type { Writer } from './writer.ts';

/** How a value of one type stands on the wire, by API version. Methods, so that codecs of fields form a record. */
export type Codec<T> = {
  read(from: Reader, version: number): T;
  write(to: Writer, value: T, version: number): void;
};

export type Decoded<C> = C extends Codec<infer T> ? T : never;

type Fields = Readonly<Record<string, Codec<unknown>>>;
type Shape<F extends Fields> = { readonly [K in keyof F]: Decoded<F[K]> };

export const int8: Codec<number> = {
  read: (from) => from.int8(),
  write: (to, value) => to.int8(value),
};
export const int16: Codec<number> = {
  read: (from) => from.int16(),
  write: (to, value) => to.int16(value),
};
export const int32: Codec<number> = {
  read: (from) => from.int32(),
  write: (to, value) => to.int32(value),
};
export const int64: Codec<number> = {
  read: (from) => from.int64(),
  write: (to, value) => to.int64(value),
};
export const boolean: Codec<boolean> = {
  read: (from) => from.int8() !== 0,
  write: (to, value) => to.int8(value ? 1 : 0),
};

export const nullableString: Codec<string | null> = {
  read: (from) => {
    const length = from.int16();
    return length < 0 ? null : from.text(length);
  },
  write: (to, value) => {
    if (value === null) {
      to.int16(-1);
      return;
    }
    const length = Buffer.byteLength(value);
    to.int16(length);
    to.text(value, length);
  },
};

export const string: Codec<string> = {
  read: (from) => from.text(from.int16()),
  write: (to, value) => nullableString.write(to, value, 0),
};

/** Reading gives a view into the request's frame. */
export const bytes: Codec<Buffer> = {
  read: (from) => {
    const length = from.int32();
    return from.slice(Math.max(0, length));
  },
  write: (to, value) => {
    to.int32(value.length);
    to.copy(value);
  },
};

/** Record batches: read as one view, written as references to chunks; `null` is length −1. */
export const records: Codec<readonly Buffer[] | null> = {
  read: (from) => {
    const length = from.int32();
    return length < 0 ? null : [from.slice(length)];
  },
  write: (to, value) => {
    if (value === null) {
      to.int32(-1);
      return;
    }
    to.int32(value.reduce((sum, chunk) => sum + chunk.length, 0));
    for (const chunk of value) to.reference(chunk);
  },
};

export function array<T>(item: Codec<T>): Codec<readonly T[]> {
  const nullable = nullableArray(item);
  return {
    read: (from, version) => nullable.read(from, version) ?? [],
    write: (to, value, version) => nullable.write(to, value, version),
  };
}

export function nullableArray<T>(item: Codec<T>): Codec<readonly T[] | null> {
  return {
    read: (from, version) => {
      const length = from.int32();
      if (length < 0) return null;
      if (length > from.remaining) throw invalid('request', 'has an array longer than itself');
      return Array.from({ length }, () => item.read(from, version));
    },
    write: (to, value, version) => {
      if (value === null) {
        to.int32(-1);
        return;
      }
      to.int32(value.length);
      for (const element of value) item.write(to, element, version);
    },
  };
}

export function struct<const F extends Fields>(fields: F): Codec<Shape<F>> {
  const entries = Object.entries(fields);
  return {
    read: (from, version) => {
      const value: Record<string, unknown> = {};
      for (const [name, codec] of entries) value[name] = codec.read(from, version);
      return value as Shape<F>; // built from the same fields
    },
    write: (to, value, version) => {
      for (const [name, codec] of entries) codec.write(to, value[name], version);
    },
  };
}

/** Present from `version` on; before it, reading gives `otherwise` and writing nothing. */
export function since<T>(version: number, codec: Codec<T>, otherwise: T): Codec<T> {
  return {
    read: (from, at) => (at >= version ? codec.read(from, at) : otherwise),
    write: (to, value, at) => {
      if (at >= version) codec.write(to, value, at);
    },
  };
}

/** Present up to and including `version`. */
export function until<T>(version: number, codec: Codec<T>, otherwise: T): Codec<T> {
  return {
    read: (from, at) => (at <= version ? codec.read(from, at) : otherwise),
    write: (to, value, at) => {
      if (at <= version) codec.write(to, value, at);
    },
  };
}
