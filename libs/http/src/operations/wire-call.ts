import type { Operation } from '@flywheel/contracts';
import { invalid } from '@flywheel/core';
import { writeJson } from '../json/write-json.ts';
import { checkParams } from '../server/request-path.ts';

/** A call as text, the same whether it crosses a socket or not. */
export type WireCall = {
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** JSON, `undefined` if the operation takes no body or none is given. */
  readonly body: string | undefined;
};

export type CallParts = {
  readonly params?: unknown;
  readonly query?: unknown;
  readonly body?: unknown;
};

export function wireCall(operation: Operation, input: CallParts): WireCall {
  const params = paramsText(operation, (input.params ?? {}) as Record<string, unknown>);
  return {
    params,
    query: queryText((input.query ?? {}) as Record<string, unknown>),
    body:
      operation.body === undefined || input.body === undefined ? undefined : writeJson(input.body),
  };
}

/** Path and query of a call, percent-encoded. */
export function targetOf(operation: Operation, call: WireCall): string {
  const path = operation.path.replaceAll(/:([^/]+)/g, (_, name: string) =>
    encodeURIComponent(call.params[name] ?? ''),
  );
  const query = call.query.toString();
  return query === '' ? path : `${path}?${query}`;
}

function paramsText(
  operation: Operation,
  values: Readonly<Record<string, unknown>>,
): Record<string, string> {
  const params: Record<string, string> = {};
  for (const [, name = ''] of operation.path.matchAll(/:([^/]+)/g)) {
    const text = textOf(`params.${name}`, values[name]);
    if (text === '') throw invalid(`params.${name}`, 'must not be empty');
    params[name] = text;
  }
  checkParams(params);
  return params;
}

function queryText(values: Readonly<Record<string, unknown>>): URLSearchParams {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    const items: readonly unknown[] = Array.isArray(value) ? value : [value];
    for (const item of items)
      if (item !== undefined && item !== null) query.append(name, textOf(`query.${name}`, item));
  }
  return query;
}

function textOf(field: string, value: unknown): string {
  switch (typeof value) {
    case 'string':
      return value;
    case 'number':
    case 'bigint':
    case 'boolean':
      return String(value);
    default:
      if (value instanceof Date) return value.toISOString();
      throw invalid(
        field,
        value === undefined ? 'is required' : 'must be text, a number or a boolean',
      );
  }
}
