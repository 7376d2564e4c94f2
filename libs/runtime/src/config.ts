import { AppError } from '@flywheel/core';
import { z } from 'zod';

/** The environment as a process gets it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A value that must not appear in logs or on a status page. */
export function secret(): z.ZodType<Secret, string> {
  return z
    .string()
    .min(1)
    .transform((value) => new Secret(value));
}

/** An address with credentials in it: checked, and as secret as they are. */
export function secretUrl(): z.ZodType<Secret, string> {
  return z
    .string()
    .refine((value) => URL.canParse(value), 'must be a URL')
    .transform((value) => new Secret(value));
}

/** `a, b,c` as a list. */
export function commaList(): z.ZodType<readonly string[], string> {
  return z.string().transform((list) =>
    list
      .split(',')
      .map((entry) => entry.trim())
      .filter((entry) => entry !== ''),
  );
}

/** Holds a value that only `reveal` tells; text, JSON and inspection show `***`. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return '***';
  }

  toJSON(): string {
    return '***';
  }
}

/**
 * Parses the environment through several schemas at once; all mistakes are told together, each with the name of its
 * variable and never with its value. Empty variables count as absent.
 */
export function readConfig(schemas: readonly z.ZodType[], environment: Environment): unknown[] {
  const given = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value.trim() !== ''),
  );
  const problems: string[] = [];
  const configs = schemas.map((schema) => {
    const parsed = schema.safeParse(given, { error: (issue) => told(issue) });
    if (parsed.success) return parsed.data;
    for (const issue of parsed.error.issues)
      problems.push(`${issue.path.join('.')} ${issue.message}`);
    return undefined;
  });
  if (problems.length > 0)
    throw new AppError('invalid_argument', 'the environment is not valid', {
      details: { problems: [...new Set(problems)] },
    });
  return configs;
}

/** What a variable must be, in words for whoever sets it; `undefined` leaves it to the schema's own words. */
function told(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === 'invalid_type' && issue.input === undefined) return 'is missing';
  if (issue.code === 'invalid_type')
    return `must be a ${issue.expected === 'int' ? 'whole number' : issue.expected}`;
  if (issue.code === 'invalid_value') return `must be ${issue.values.map(String).join(' or ')}`;
  if (issue.code === 'too_small')
    return `must be ${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}`;
  if (issue.code === 'too_big')
    return `must be ${issue.inclusive === false ? 'less than' : 'at most'} ${issue.maximum}`;
  if (issue.code === 'invalid_union' && issue.discriminator !== undefined)
    return 'must be embedded or distributed';
  return undefined;
}
