import type { Operation } from '@flywheel/contracts';
import { z } from 'zod';

type JsonSchema = {
  properties?: Record<string, object>;
  required?: readonly string[];
};

/** The OpenAPI 3.1 operation object of an operation, its schemas as JSON Schema 2020-12. */
export function operationDocument(operation: Operation): object {
  return {
    parameters: [...parameters('path', operation.params), ...parameters('query', operation.query)],
    ...(operation.body === undefined
      ? {}
      : { requestBody: { required: true, content: json(schemaOf(operation.body, 'input')) } }),
    responses: {
      [String(operation.status)]: {
        description: 'success',
        content: json(schemaOf(operation.reply, 'output')),
      },
    },
  };
}

function parameters(place: 'path' | 'query', schema: z.ZodType | undefined): object[] {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = schemaOf(schema, 'input') as JsonSchema;
  return Object.entries(properties).map(([name, member]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    schema: member,
  }));
}

function json(schema: object): object {
  return { 'application/json': { schema } };
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): object {
  const document: Record<string, unknown> = {
    ...z.toJSONSchema(schema, { io, unrepresentable: 'any' }),
  };
  delete document['$schema'];
  return document;
}
