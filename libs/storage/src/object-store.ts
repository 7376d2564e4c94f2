import type { Readable } from 'node:stream';
import { invalid } from '@flywheel/core';
import type { CallOptions } from './online-store.ts';

export type ObjectStat = { sizeBytes: number; modifiedMs: number };
export type ObjectBody = Uint8Array | AsyncIterable<Uint8Array>;
/** From `start` through `end`, both counted from 0; without `end` to the last byte. */
export type ObjectRange = { start: number; end?: number };
export type PutOptions = CallOptions & { ifAbsent?: boolean; contentType?: string };

/**
 * Whole objects by key. A key is `/`-joined non-empty segments of text without control characters, at most 900 bytes in UTF-8 (a
 * segment at most 255); `.` and `..` are refused, and nothing in a key leads out of the store. Callers never use a key that is a folder of another
 * (`a` beside `a/b`). Errors: `invalid_argument` for a key, `conflict` for `ifAbsent`, `unavailable` when the server
 * is away, `resource_exhausted` when the disk is full, `cancelled` by the signal.
 */
export type ObjectStore = {
  /**
   * Writes the whole object or nothing: a failing stream, a kill or a signal leaves what was there. With `ifAbsent`
   * exactly one of many writers wins and the others get `conflict`.
   */
  put(
    key: string,
    body: ObjectBody,
    options?: PutOptions,
  ): Promise<{ sizeBytes: number; sha256: string }>;
  get(key: string, options?: CallOptions): Promise<Uint8Array | undefined>;
  /**
   * A stream of the object, or of its bytes in `range` (a range
   * that starts behind the last byte is `invalid_argument`). `sizeBytes` is the size of the whole object.
   */
  open(
    key: string,
    options?: CallOptions & { range?: ObjectRange },
  ): Promise<{ sizeBytes: number; body: Readable } | undefined>;
  stat(key: string, options?: CallOptions): Promise<ObjectStat | undefined>;
  /** What begins with `prefix` (of text, not of segments), in the byte order of the keys' UTF-8. */
  list(prefix: string, options?: CallOptions): AsyncIterable<{ key: string } & ObjectStat>;
  /** Removes what is there. */
  delete(key: string, options?: CallOptions): Promise<void>;
  /**
   * The path of a local file with the object's bytes, to be read only; `not_found` when there is none. From S3 it is
   * a cached copy, so the object should be one that never changes.
   */
  localFile(key: string, options?: CallOptions): Promise<string>;
  /** The same store seen from below `prefix`, which is a key. */
  scoped(prefix: string): ObjectStore;
};

export function checkRange(range: ObjectRange | undefined): void {
  if (!range) return;
  const { start, end = start } = range;
  if (!Number.isSafeInteger(start) || start < 0)
    throw invalid('range.start', 'must be a whole number from 0 on');
  if (!Number.isSafeInteger(end) || end < start)
    throw invalid('range.end', 'must be a whole number from the start on');
}
