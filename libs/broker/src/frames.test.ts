import fc from 'fast-check';
import { expect, it } from 'vitest';
import { FrameAssembler } from './frames.ts';

function framed(body: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length);
  return Buffer.concat([length, body]);
}

it('frames come out as they went in, however the stream is cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ minLength: 8, maxLength: 40 }), { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }),
      (bodies, cuts) => {
        const stream = Buffer.concat(bodies.map(framed));
        const assembler = new FrameAssembler(1000);
        const frames: Buffer[] = [];
        for (let at = 0, index = 0; at < stream.length; index++) {
          const size = cuts[index % cuts.length] as number;
          frames.push(...assembler.push(stream.subarray(at, at + size)));
          at += size;
        }
        expect(frames.map((frame) => frame.toString('hex'))).toEqual(
          bodies.map((body) => Buffer.from(body).toString('hex')),
        );
      },
    ),
  );
});

it('a length that cannot be is refused before anything is waited for', () => {
  for (const length of [-1, 0, 7, 1001]) {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32BE(length);
    expect(() => new FrameAssembler(1000).push(bytes)).toThrow('impossible length');
  }
});
