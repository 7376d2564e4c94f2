import { z } from 'zod';

const nameOf = (maximumLength: number) =>
  z
    .string()
    .min(1)
    .max(maximumLength)
    .regex(
      /^[A-Za-z0-9][A-Za-z0-9._-]*$/,
      'must start with a letter or digit and hold only letters, digits, dot, dash, underscore',
    );

/** Names of things people make: datasets, models, endpoints, feature views. Stable in URLs, topics and object keys. */
export const name = nameOf(120);

/** A dataset may be named after an endpoint: `<endpoint>.predictions`, `<endpoint>.outcomes`. */
export const datasetName = nameOf(140);

/** What identifies a thing, and is a message key or part of one. */
export const id = z.string().min(1);

/** An instant on the wire: RFC 3339 in UTC, for instance `2001-05-01T06:00:00.000Z`. */
export const instant = z.iso.datetime({ offset: true });

/** Milliseconds since the Unix epoch, UTC. */
export const epochMs = z.number().int();

export const sha256Hex = z.string().regex(/^[0-9a-f]{64}$/);

/** A number as JSON can carry it; what is not finite travels as null. */
export const finiteOrNull = z.number().nullable();

export const count = z.number().int().nonnegative();
export const ratio = z.number().min(0).max(1);

/** Something in the platform's object store, by its absolute key: readable by every service, written by its owner only. */
export const objectReference = z.object({
  objectKey: z.string().min(1),
  sizeBytes: count,
  sha256: sha256Hex,
});
export type ObjectReference = z.output<typeof objectReference>;

/** A scalar a caller gives: an entity key or a request feature. */
export const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);
export type Scalar = z.output<typeof scalar>;

/** An interval with its two ends, for instance of a metric at 95 %. */
export const interval = z.tuple([z.number(), z.number()]);
