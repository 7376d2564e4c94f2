import { createHash } from 'node:crypto';

/** A number in [0, 1) that depends on the salt and the unit alone: the same in every process and after every restart. */
export function draw(salt: string, unit: string): number {
  return createHash('sha256').update(`${salt}\0${unit}`).digest().readUIntBE(0, 6) / 2 ** 48;
}
