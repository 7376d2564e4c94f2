import { invalid } from '@flywheel/core';
import type { AppError } from '@flywheel/core';
import type { z } from 'zod';
import { pathText } from '../json/parse-json.ts';

type Issue = z.core.$ZodIssue;
type Fault = { readonly field: string; readonly rule: string };

const MOST_ISSUES = 20;

/** The schema's complaint as a caller's mistake: the first in `field` and `rule`, all (up to 20) in `issues`. */
export function schemaFault(part: string, error: { readonly issues: readonly Issue[] }): AppError {
  const issues = error.issues.flatMap((issue) => faultsOf(part, issue)).slice(0, MOST_ISSUES);
  const first = issues[0] ?? { field: part, rule: 'is not valid' };
  return invalid(first.field, first.rule, { issues });
}

function faultsOf(prefix: string, issue: Issue): Fault[] {
  const field = prefix + pathText(issue.path);
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({ field: field + pathText([key]), rule: 'is not known' }));
    case 'invalid_union':
      return unionFaults(field, issue.errors) ?? [{ field, rule: ruleOf(issue) }];
    case 'invalid_key':
    case 'invalid_element':
      return issue.issues.flatMap((inner) => faultsOf(field, inner));
    default:
      return [{ field, rule: ruleOf(issue) }];
  }
}

/** The branch that got furthest is the one that was meant. */
function unionFaults(field: string, branches: readonly (readonly Issue[])[]): Fault[] | undefined {
  const depth = (branch: readonly Issue[]) =>
    Math.max(0, ...branch.map((issue) => issue.path.length));
  const deepest = [...branches].sort((left, right) => depth(right) - depth(left))[0];
  if (deepest === undefined || depth(deepest) === 0) return undefined;
  return deepest.flatMap((issue) => faultsOf(field, issue));
}

function ruleOf(issue: Issue): string {
  if (issue.message.endsWith('received undefined')) return 'is required';
  const rule = issue.message.replace(/^Invalid input: /, '').replace(/^Too (small|big): /, '');
  return rule.charAt(0).toLowerCase() + rule.slice(1);
}
