import { invalid } from '@flywheel/core';

const keyBytes = 900;
/** XML, in which S3 lists keys, has no way to write these. */
const unlistable = /[\u0000-\u001f\u007f\ufffe\uffff]/;
const segmentBytes = 255;
/** A file name may have 255 bytes. */
const nameLength = 200;

/**
 * Throws unless `key` is one: `/`-joined segments of well-formed Unicode, none empty, `.` or `..`, no control
 * characters; at most 900 bytes in UTF-8, a segment at most 255.
 */
export function checkKey(key: string, field = 'key'): void {
  if (Buffer.byteLength(key) > keyBytes)
    throw invalid(field, `must have at most ${keyBytes} bytes`);
  if (unlistable.test(key)) throw invalid(field, 'must not contain control characters');
  if (Buffer.from(key).toString() !== key) throw invalid(field, 'must be well-formed Unicode');
  for (const segment of key.split('/')) {
    if (segment === '' || segment === '.' || segment === '..')
      throw invalid(field, "must be segments joined by '/', none of them empty, '.' or '..'");
    if (Buffer.byteLength(segment) > segmentBytes)
      throw invalid(field, `must have segments of at most ${segmentBytes} bytes`);
  }
}

/**
 * A segment of a key as file names that every file system keeps apart: each byte outside a-z 0-9 _ = - . is written
 * %XX, capitals too (for systems that ignore case), and so is a dot at the end. One too long for a file name becomes
 * several, nested, of which all but the last end in a lone `%`.
 */
export function toFileNames(segment: string): string[] {
  const names: string[] = [];
  let name = '';
  const bytes = Buffer.from(segment);
  for (const [index, byte] of bytes.entries()) {
    const isLast = index === bytes.length - 1;
    const piece = isPlain(byte, isLast) ? String.fromCharCode(byte) : escapeOf(byte);
    if (name.length + piece.length > nameLength) {
      names.push(`${name}%`);
      name = '';
    }
    name += piece;
  }
  return [...names, name];
}

/** True when the name is one of several: the next, one folder deeper, goes on. */
export function goesOn(name: string): boolean {
  return name.endsWith('%');
}

/** The inverse of `toFileNames`; undefined for names it never gives. */
export function fromFileNames(names: readonly string[]): string | undefined {
  const encoded = names.map((name) => (goesOn(name) ? name.slice(0, -1) : name)).join('');
  if (!/^(?:[a-z0-9_=.-]|%[0-9A-F]{2})+$/.test(encoded)) return undefined;
  const bytes: number[] = [];
  for (let at = 0; at < encoded.length; at++) {
    if (encoded[at] === '%') {
      bytes.push(Number.parseInt(encoded.slice(at + 1, at + 3), 16));
      at += 2;
    } else bytes.push(encoded.charCodeAt(at));
  }
  const segment = Buffer.from(bytes).toString('utf8');
  return toFileNames(segment).join('/') === names.join('/') ? segment : undefined;
}

function isPlain(byte: number, isLast: boolean): boolean {
  if (byte === 0x2e) return !isLast;
  return (
    (byte >= 0x61 && byte <= 0x7a) ||
    (byte >= 0x30 && byte <= 0x39) ||
    byte === 0x5f ||
    byte === 0x3d ||
    byte === 0x2d
  );
}

function escapeOf(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}
