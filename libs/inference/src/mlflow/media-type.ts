import { invalid } from '@flywheel/core';

export type InvocationMediaType = 'json' | 'csv';

/**
 * What a Content-Type means to the scoring endpoint. Types compare without case and apart from their parameters; the
 * only charset is UTF-8. Absent means JSON.
 */
export function invocationMediaType(contentType: string | undefined): InvocationMediaType {
  if (contentType === undefined || contentType.trim() === '') return 'json';
  const [type = '', ...parameters] = contentType.split(';').map((part) => part.trim());
  for (const parameter of parameters) {
    const [name = '', value = ''] = parameter.split('=');
    const isUtf8 = /^"?utf-?8"?$/i.test(value.trim());
    if (name.trim().toLowerCase() === 'charset' && !isUtf8)
      throw invalid('Content-Type', 'must have the charset utf-8');
  }
  if (type.toLowerCase() === 'application/json') return 'json';
  if (type.toLowerCase() === 'text/csv') return 'csv';
  throw invalid('Content-Type', 'must be application/json or text/csv');
}
