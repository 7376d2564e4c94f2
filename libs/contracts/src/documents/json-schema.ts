import { z } from 'zod';

/**
 * What a value must look like on the wire, as JSON Schema (draft 7). The input side: it says nothing about members it
 * does not know, so that a member more is no contradiction to what readers were told before.
 */
export function jsonSchemaOf(schema: z.ZodType): Record<string, unknown> {
  return z.toJSONSchema(schema, { target: 'draft-7', io: 'input' });
}
