import { isUtf8 } from 'node:buffer';
import { invalid } from '@flywheel/core';

/** The text of a JSON body. A byte order mark is refused, as RFC 8259 forbids to send one. */
export function jsonText(bytes: Uint8Array): string {
  if (bytes.byteLength === 0) throw invalid('body', 'must not be empty');
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf)
    throw invalid('body', 'must not begin with a byte order mark');
  if (!isUtf8(bytes)) throw invalid('body', 'must be UTF-8');
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}
