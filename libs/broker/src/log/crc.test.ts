import { crc32c } from '@flywheel/core';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { fastCrc32c } from './crc.ts';

it('the checksum has the published value for the check string', () => {
  expect(fastCrc32c(Buffer.from('123456789'), 0, 9)).toBe(0xe3069283); // CRC catalogue, CRC-32/ISCSI
});

it('the checksum equals the plain one for any bytes and range', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(200), (bytes, start) => {
      const from = Math.min(start, bytes.length);
      expect(fastCrc32c(bytes, from, bytes.length)).toBe(crc32c(bytes, from));
    }),
  );
});
