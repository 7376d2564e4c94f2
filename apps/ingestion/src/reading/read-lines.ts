import { createReadStream } from 'node:fs';

const LF = 0x0a;
const CR = 0x0d;

/**
 * The lines of a file as bytes, without their ends. Only LF ends a line (with an optional CR before it): U+2028 and its
 * like are legal inside JSON strings. Lines of nothing but white space are passed over. `number` counts from 1.
 */
export async function* readLines(path: string): AsyncGenerator<{ bytes: Buffer; number: number }> {
  let rest: Buffer[] = [];
  let number = 0;
  for await (const chunk of createReadStream(path, {
    highWaterMark: 1 << 20,
  }) as AsyncIterable<Buffer>) {
    let start = 0;
    for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, start)) {
      number++;
      const bytes = trimmed(
        rest.length > 0
          ? Buffer.concat([...rest, chunk.subarray(start, end)])
          : chunk.subarray(start, end),
      );
      rest = [];
      start = end + 1;
      if (bytes.length > 0) yield { bytes, number };
    }
    if (start < chunk.length) rest.push(chunk.subarray(start));
  }
  const bytes = trimmed(Buffer.concat(rest));
  if (bytes.length > 0) yield { bytes, number: number + 1 };
}

function trimmed(line: Buffer): Buffer {
  const end = line.at(-1) === CR ? line.length - 1 : line.length;
  for (let index = 0; index < end; index++) {
    const byte = line[index] as number;
    if (byte !== 0x20 && byte !== 0x09 && byte !== CR) return line.subarray(0, end);
  }
  return line.subarray(0, 0);
}
